/**
 * From files and environment to one frozen value, or to everything that is wrong with them.
 *
 * @module
 */

import { judgeCallers } from './cross-checks-access.ts'
import { crossCheck } from './cross-checks.ts'
import { applyEnvironment, filesOf } from './environment.ts'
import type { Environment } from './environment.ts'
import { explain, place } from './findings.ts'
import type { Finding } from './findings.ts'
import { schema } from './schema.ts'
import type { Config } from './schema.ts'
import { Secret } from './secret.ts'
import { settingsOf } from './settings.ts'
import type { Setting } from './settings.ts'
import { merge, toValue } from './tree.ts'
import { readLayer } from './yaml-file.ts'

export interface Source {
  /** Paths, least specific first: later ones speak over earlier ones. None: `GATEWAY_CONFIG` names them. */
  files: readonly string[]
  env: Environment
}

export type Loaded =
  | { ok: true; config: Config; warnings: readonly Finding[]; settings: readonly Setting[] }
  | { ok: false; problems: readonly Finding[]; warnings: readonly Finding[] }

/** Never rejects because of what it reads: a configuration that cannot be used is a value with its problems. */
export async function loadConfig({ files, env }: Source): Promise<Loaded> {
  const paths = files.length > 0 ? files : filesOf(env)
  const layers = await Promise.all(paths.map(readLayer))
  const unread = layers.flatMap((layer) => layer.problems)
  const trees = layers.map((layer) => layer.tree).filter((tree) => tree !== undefined)
  const [first, ...others] = trees
  if (first === undefined && paths.length === 0) {
    const message = 'no configuration: name a file with --config, or several in GATEWAY_CONFIG'
    return { ok: false, problems: [{ path: '', message }], warnings: [] }
  }
  // With a layer missing, most of what could be said about the others would not be true.
  if (first === undefined || trees.length < layers.length)
    return { ok: false, problems: unread, warnings: [] }

  const written = others.reduce((under, over) => merge(under, over), first)
  const environed = applyEnvironment(written, env)
  const { tree } = environed
  const parsed = schema.safeParse(toValue(tree))
  const crossed = crossCheck(tree)
  const warnings = [...environed.warnings, ...crossed.warnings.map((remark) => place(remark, tree))]
  const decided = new Set(environed.problems.map(({ path }) => path))
  const problems = [
    ...unread,
    ...environed.problems,
    ...explain(judgeCallers(parsed.error?.issues ?? [], tree), tree).filter(({ path }) => !decided.has(path)),
    ...crossed.problems.map((remark) => place(remark, tree)),
  ]
  if (!parsed.success || problems.length > 0) return { ok: false, problems, warnings }
  return {
    ok: true,
    config: freeze(parsed.data),
    warnings,
    get settings() {
      return settingsOf(tree)
    },
  }
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value
  for (const child of Object.values(value)) freeze(child)
  return Object.freeze(value)
}
