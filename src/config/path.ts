/**
 * Where in the configuration a value stands: `access.triage.callers[0].issuer`.
 *
 * @module
 */

export type Path = readonly (string | number)[]

export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`
      if (!/^[A-Za-z_][\w-]*$/.test(step)) return `[${JSON.stringify(step)}]`
      return index === 0 ? step : `.${step}`
    })
    .join('')
}

/** Undoes {@link formatPath}. */
export function parsePath(text: string): Path {
  const steps = text.matchAll(/([A-Za-z_][\w-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/g)
  return Array.from(steps, ([, word, index, quoted]) => {
    if (index !== undefined) return Number(index)
    return quoted === undefined ? (word ?? '') : String(JSON.parse(quoted))
  })
}
