/**
 * What can be read: the documented GETs of Security Copilot in Graph beta, and the query options that each one takes.
 *
 * https://learn.microsoft.com/graph/api/resources/security-securitycopilot-api-overview
 *
 * @module
 */

/** Query options that a collection takes besides `$select`. */
export type ListOption = '$count' | '$filter' | '$top'

export interface Resource {
  /** The collections that its path goes through; all but the last have their key behind them. */
  readonly path: readonly Collection[]
  /** Whether the last collection is what is read, and not one of its members. */
  readonly isList: boolean
  readonly options: readonly ListOption[]
}

export type Collection = 'workspaces' | 'plugins' | 'sessions' | 'prompts' | 'evaluations'

const toSession = ['workspaces', 'sessions'] as const
const toPrompt = [...toSession, 'prompts'] as const
const toEvaluation = [...toPrompt, 'evaluations'] as const

function list(
  path: readonly Collection[],
  options: readonly ListOption[] = ['$count', '$filter', '$top'],
): Resource {
  return { path, isList: true, options }
}

function one(path: readonly Collection[]): Resource {
  return { path, isList: false, options: [] }
}

/** By the name under which rules grant it. */
export const resources = {
  workspaces: list(['workspaces'], ['$count', '$filter']),
  plugins: list(['workspaces', 'plugins']),
  sessions: list(toSession),
  session: one(toSession),
  prompts: list(toPrompt),
  prompt: one(toPrompt),
  evaluations: list(toEvaluation),
  evaluation: one(toEvaluation),
} as const satisfies Readonly<Record<string, Resource>>

export type Read = keyof typeof resources

const byPath: ReadonlyMap<string, Read> = new Map(
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own keys
  (Object.keys(resources) as Read[]).map((read) => [
    pathName(resources[read].path, resources[read].isList),
    read,
  ]),
)

/** @returns `undefined` where there is nothing documented to read */
export function readAt(collections: readonly string[], isList: boolean): Read | undefined {
  return byPath.get(pathName(collections, isList))
}

function pathName(collections: readonly string[], isList: boolean): string {
  return `${collections.join('/')}${isList ? '' : '/{id}'}`
}
