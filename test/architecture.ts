/** The direction of imports: which room may know which, and who knows which library. Read from the source text alone. */

import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path/posix'

/** Source text by path, as in `src/http/journey.ts`. */
export type Files = ReadonlyMap<string, string>

/** Room → rooms it may import. */
export const arrows: Readonly<Record<string, readonly string[]>> = {
  main: ['commands'],
  commands: ['audit', 'config', 'gateway', 'telemetry', 'emulator', 'common'],
  gateway: [
    'access',
    'audit',
    'cache',
    'callers',
    'config',
    'graph',
    'http',
    'outbound',
    'session',
    'shared',
    'telemetry',
    'token',
    'common',
  ],
  http: ['access', 'audit', 'cache', 'callers', 'graph', 'session', 'telemetry', 'common'],
  graph: ['outbound', 'token', 'common'],
  token: ['outbound', 'common'],
  callers: ['outbound', 'common'],
  session: ['common'],
  shared: ['cache', 'common'],
  cache: ['common'],
  access: ['common'],
  audit: ['common'],
  outbound: ['common'],
  telemetry: ['common'],
  config: [],
  emulator: [],
  common: [],
}

/** Package → the only rooms that know it. */
const packages: Readonly<Record<string, readonly string[]>> = {
  '@azure/msal-node': ['token'],
  '@peculiar/x509': ['emulator'],
  '@redis/client': ['shared'],
  commander: ['main'],
  express: ['http'],
  'http-proxy-middleware': ['graph'],
  jose: ['callers', 'token', 'emulator'],
  'lru-cache': ['access', 'cache', 'callers'],
  pino: ['telemetry'],
  'prom-client': ['telemetry'],
  'reflect-metadata': ['emulator'],
  undici: ['outbound'],
  yaml: ['config', 'commands'],
  zod: ['config'],
}

/** What is begun from; the generator makes the references and the JSON Schema from the configuration's schema. */
const entries = ['src/main.ts', 'docs/generate.ts']
const showsTheEmulator = /^src\/commands\/(?:emulate\.ts$|demo\/)/
/**
 * They put the parts that `serve` is made of to a question each, without a gateway around them: composition roots of their
 * own, and no other command is to become one.
 */
const asksTheParts = /^src\/commands\/(?:doctor|explain)\//
const partsAsked = ['access', 'callers', 'graph', 'outbound', 'session', 'shared', 'token']
const compositionRoot = [
  'src/gateway.ts',
  'src/parts.ts',
  'src/reach.ts',
  'src/reach-redis.ts',
  'src/sharing.ts',
]

export function roomOf(file: string): string {
  const [, first = '', ...inside] = file.split('/')
  if (inside.length > 0) return first
  if (first === 'main.ts' || first === 'program.ts') return 'main'
  return compositionRoot.includes(`src/${first}`) ? 'gateway' : 'common'
}

interface Imports {
  /** `import … from`, `import type … from`, `export … from`, `import '…'`. */
  readonly fixed: readonly string[]
  /** `import('…')`. */
  readonly onDemand: readonly string[]
  /** Whether something that looks like an import is neither. */
  readonly isUnclear: boolean
}

function importsOf(source: string): Imports {
  const code = withoutComments(source)
  const fixed: string[] = []
  const onDemand: string[] = []
  const rest = code
    .replace(/^(?:import|export)\b[^'"`;]*?\bfrom\s*'([^'\n]+)'/gm, (_, target: string) =>
      take(fixed, target),
    )
    .replace(/^import\s*'([^'\n]+)'/gm, (_, target: string) => take(fixed, target))
    .replace(/\bimport\(\s*'([^'\n]+)'\s*\)/g, (_, target: string) => take(onDemand, target))
  return {
    fixed,
    onDemand,
    isUnclear: /\bimport\b(?!\.meta)|(?<!['"`])\bfrom\s*['"`]|\brequire\s*\(/.test(rest),
  }
}

function take(into: string[], target: string): string {
  into.push(target)
  return ''
}

function withoutComments(source: string): string {
  const textOrComment = /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return source.replace(textOrComment, (_, text: string | undefined) => text ?? '')
}

function resolve(file: string, target: string): string {
  return normalize(join(dirname(file), target))
}

/** Everything that is reached from `start`; without `onDemand`, only what is loaded with it. */
function reachedFrom(start: string, files: Files, { onDemand }: { onDemand: boolean }): Set<string> {
  const reached = new Set<string>()
  const waiting = [start]
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    const found = importsOf(files.get(file) ?? '')
    for (const target of [...found.fixed, ...(onDemand ? found.onDemand : [])]) {
      if (target.startsWith('.')) waiting.push(resolve(file, target))
    }
  }
  return reached
}

/** What is wrong with this house, one line a fault. */
export function faultsOf(files: Files): string[] {
  const faults: string[] = []
  const reachable = new Set(entries.flatMap((entry) => [...reachedFrom(entry, files, { onDemand: true })]))
  for (const [file, source] of files) {
    if (!file.startsWith('src/')) continue
    const { fixed, onDemand, isUnclear } = importsOf(source)
    if (isUnclear) faults.push(`${file}: has an import that this test cannot read`)
    if (!reachable.has(file)) faults.push(`${file}: nobody imports it`)
    for (const target of [...fixed, ...onDemand]) {
      const fault = target.startsWith('.')
        ? faultOfImport(file, resolve(file, target), files)
        : faultOfPackage(file, target)
      if (fault !== undefined) faults.push(`${file}: ${fault}`)
    }
  }
  const emulatorFrom = (start: string, how: { onDemand: boolean }): void => {
    const found = [...reachedFrom(start, files, how)].find((file) => roomOf(file) === 'emulator')
    if (found !== undefined) faults.push(`${start}: reaches ${found}`)
  }
  emulatorFrom('src/commands/serve.ts', { onDemand: true })
  emulatorFrom('src/program.ts', { onDemand: false })
  return faults
}

function faultOfImport(file: string, target: string, files: Files): string | undefined {
  const [from, to] = [roomOf(file), roomOf(target)]
  if (target === 'package.json') return from === 'main' ? undefined : 'imports package.json'
  if (!files.has(target)) return `imports ${target}, which does not exist`
  if (from === to) return undefined
  const isAsking = asksTheParts.test(file)
  if (arrows[from]?.includes(to) !== true && !(isAsking && partsAsked.includes(to)))
    return `${from} → ${to} is no arrow of this house (${target})`
  if (to === 'emulator' && !showsTheEmulator.test(file)) return `only demo and emulate show the emulator`
  const isDoor =
    to === 'common' ||
    (to === 'gateway' && (target === 'src/gateway.ts' || isAsking)) ||
    (to === 'commands' && /^src\/commands\/(?:[^/]+|[^/]+\/index)\.ts$/.test(target)) ||
    target === `src/${to}/index.ts`
  return isDoor ? undefined : `enters ${to} by ${target}, which is not its door`
}

function faultOfPackage(file: string, target: string): string | undefined {
  const room = roomOf(file)
  if (target.startsWith('node:')) {
    return room === 'session' ? `session is pure, and imports ${target}` : undefined
  }
  const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/')
  return packages[name]?.includes(room) === true ? undefined : `${room} is not to know the package ${name}`
}

export async function readHouse(): Promise<Files> {
  const root = new URL('../', import.meta.url)
  const inSource = await readdir(new URL('src/', root), { recursive: true })
  const paths = [...inSource.map((path) => `src/${path}`), 'docs/generate.ts'].filter((path) =>
    path.endsWith('.ts'),
  )
  const texts = await Promise.all(paths.map((path) => readFile(new URL(path, root), 'utf8')))
  return new Map(paths.map((path, index) => [path, texts[index] ?? '']))
}
