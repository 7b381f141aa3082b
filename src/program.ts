/**
 * The program: arguments in, exit codes out.
 *
 * 0: done, or drained. 1: the configuration or the start failed, a check said no, the audit sink is gone, or the program
 * has a fault. 2: the arguments are wrong.
 *
 * @module
 */

import { Command, InvalidArgumentError, Option } from 'commander'
import type { VerifyCommandOptions } from './commands/audit-verify.ts'
import type { DoctorOptions } from './commands/doctor/index.ts'
import type { ExplainOptions } from './commands/explain/index.ts'
import type { ProbeOptions } from './commands/probe.ts'
import type { PurgeOptions } from './commands/purge.ts'
import packageJson from '../package.json' with { type: 'json' }

const program = new Command('session-gateway')
  .description(
    'An authenticated, caching reverse proxy for Microsoft Security Copilot sessions.\n' +
      'Callers show the identity their platform gave them; the gateway holds the Microsoft credential.',
  )
  .version(packageJson.version)
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nExit codes: 0 done, or drained; 1 the configuration, the start or a check failed, nobody reads the audit\n' +
      'records any more, or the program has a fault; 2 wrong arguments, or files that cannot be read.',
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : 2)
  })

const configFiles = [
  '-c, --config <file...>',
  'YAML files, later ones layered over earlier ones (or GATEWAY_CONFIG, separated by ":")',
] as const

const caFile = [
  '--ca-file <file>',
  'certificates (PEM) to trust instead of the usual ones: of an authority, or the one of the server itself',
] as const
const serverName = [
  '--server-name <name>',
  'the name to find in the certificate, where it is not the one in the URL',
] as const

program
  .command('serve')
  .description('run the gateway until SIGTERM, then drain and exit')
  .option(...configFiles)
  .action(async ({ config = [] }: { config?: string[] }) => {
    const { serve } = await import('./commands/serve.ts')
    process.exitCode = await serve(config, packageJson.version)
  })

program
  .command('check-config')
  .description('report every problem of the configuration, each with its path; exit 1 if there is one')
  .option(...configFiles)
  .action(async ({ config = [] }: { config?: string[] }) => {
    const { checkConfig } = await import('./commands/check-config.ts')
    process.exitCode = await checkConfig(config)
  })

program
  .command('print-config')
  .description(
    'print the configuration in effect as YAML, each value with where it came from; secrets redacted',
  )
  .option(...configFiles)
  .action(async ({ config = [] }: { config?: string[] }) => {
    const { printEffectiveConfig } = await import('./commands/print-config.ts')
    process.exitCode = await printEffectiveConfig(config)
  })

program
  .command('doctor')
  .description(
    'does everything work that the gateway needs? files, names, keys, token, roles, Graph, the shared cache, records; exit 1 if something failed',
  )
  .option(...configFiles)
  .option('--json', 'one JSON object a line: check, verdict, found, remedy')
  .addHelpText(
    'after',
    '\nRun it where the gateway runs, as the same user. It takes no more than half a minute, opens no port and leaves nothing behind;' +
      '\nit exchanges the credential once and asks Graph once for the list of workspaces. No secret and no content is shown.',
  )
  .action(async (options: DoctorOptions) => {
    const { doctor } = await import('./commands/doctor/index.ts')
    process.exitCode = await doctor(options)
  })

program
  .command('explain')
  .description(
    'what becomes of one read, and why: whose token, what is asked, which rule decides; exit 1 if it is refused',
  )
  .argument('<path>', 'as the caller asks for it: /beta/security/securityCopilot/workspaces/…')
  .option(...configFiles)
  .option('--token-file <file>', 'the caller’s token; "-" is standard input')
  .option('--url <url>', 'a running gateway, asked whether it has the answer in its cache')
  .option('--ca-file <file>', 'certificate authorities (PEM) to trust for that instead of the usual ones')
  .addHelpText(
    'after',
    '\nThe issuers are asked for their keys, as the gateway asks them; Entra and Graph are not asked. With --url each replica\n' +
      'gets a HEAD with Cache-Control: only-if-cached, which takes of the rule’s rate and leaves an audit record.\n' +
      'Exit codes: 0 permitted; 1 refused, or the gateway decides otherwise; 2 wrong arguments, or files that cannot be read.',
  )
  .action(async (path: string, options: ExplainOptions, command: Command) => {
    const { explain, mistakeIn } = await import('./commands/explain/index.ts')
    const mistake = mistakeIn(path, options)
    if (mistake !== undefined) command.error(`error: ${mistake}`)
    process.exitCode = await explain(path, options)
  })

program
  .command('purge')
  .description(
    'empty the cache of every replica behind an address; exit 1 names those that have not, or could not tell the others',
  )
  .option('--all', 'everything')
  .option('--workspace <id>', 'one workspace, as its callers name it: "default" and its GUID are two')
  .option('--session <id>', 'one session of that workspace')
  .option(
    '--url <url>',
    'the management port; each address of its name is one replica',
    'http://127.0.0.1:9090',
  )
  .option('--token-file <file>', 'a token of a caller whose rule has admin: [purge]; "-" is standard input')
  .option(...caFile)
  .option(...serverName)
  .action(async (options: PurgeOptions, command: Command) => {
    const { mistakeIn, purge } = await import('./commands/purge.ts')
    const mistake = mistakeIn(options)
    if (mistake !== undefined) command.error(`error: ${mistake}`)
    process.exitCode = await purge(options)
  })

program
  .command('probe')
  .description(
    'is a gateway ready, does it refuse whoever has no token, does it know the caller of this one? exit 1 if something failed',
  )
  .requiredOption('--url <url>', 'the port for callers')
  .requiredOption('--management-url <url>', 'the management port; each address of its name is one replica')
  .option('--token-file <file>', 'a token of any caller; "-" is standard input')
  .option(...caFile)
  .option(...serverName)
  .option(
    '--management-ca-file <file>',
    'the same for the management port, where it has a certificate of its own',
  )
  .addOption(
    new Option('--wait <duration>', 'how long it may take until every replica is ready')
      .argParser(parseWait)
      .default(30_000, '30s'),
  )
  .addHelpText(
    'after',
    '\nIt needs no session, no configuration and no rule for its caller: 403 means that the gateway has verified the token and has\n' +
      'no rule for it. Where a rule permits it to read in "default", Graph is asked once, for a session that there is not.\n' +
      'Exit codes: 0 all is well; 1 something failed, and the line says what to do; 2 wrong arguments, or files that cannot be read.',
  )
  .action(async (options: ProbeOptions, command: Command) => {
    const { mistakeIn, probe } = await import('./commands/probe.ts')
    const mistake = mistakeIn(options)
    if (mistake !== undefined) command.error(`error: ${mistake}`)
    process.exitCode = await probe(options)
  })

program
  .command('audit')
  .description('what concerns audit records')
  .command('verify')
  .description('are these records all there, unaltered and in order? exit 1 names the first that is not')
  .argument('<file...>', 'records, in the order they were written; "-" is standard input')
  .option('--unordered', 'lines stand in any order or more than once, as log stores give them back')
  .option('--heads <file...>', 'logs of the gateway: their head lines show when a tail is missing')
  .option('--key <file...>', 'Ed25519 public keys (PEM) that must have signed')
  .action(async (files: string[], options: VerifyCommandOptions) => {
    const { auditVerify } = await import('./commands/audit-verify.ts')
    process.exitCode = await auditVerify(files, options)
  })

program
  .command('demo')
  .description('in a clone: run the main job against an emulated Entra and Graph, step by step')
  .option('--once', 'exit after the story: 0 only if every step did what it says')
  .action(async ({ once = false }: { once?: boolean }) => {
    const { demo } = await import('./commands/demo/index.ts').catch(fromTheRepositoryOnly('make demo'))
    process.exitCode = await demo({
      once,
      configFile: new URL('../config/demo.yaml', import.meta.url),
      version: packageJson.version,
    })
  })

program
  .command('emulate')
  .description('in a clone: run the emulated Entra, Graph and issuers alone, for development')
  .option('-p, --port <port>', 'the port to listen on, on loopback; 0 for any', parsePort, 9443)
  .action(async ({ port }: { port: number }) => {
    const { emulate } = await import('./commands/emulate.ts').catch(fromTheRepositoryOnly('make emulate'))
    process.exitCode = await emulate(port)
  })

/** The emulator is not in the bundle, which is what runs in production: where it belongs, its file is there. */
function fromTheRepositoryOnly(instead: string) {
  return (error: NodeJS.ErrnoException): never => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    process.stderr.write(`the emulator is not in this build: in a clone of the repository, ${instead}\n`)
    process.exit(1)
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('Give a number from 0 to 65535.')
}

function parseWait(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,4})(s|m)$/.exec(text) ?? []
  if (digits === undefined) throw new InvalidArgumentError('Give a duration such as 30s or 2m.')
  return Number(digits) * (unit === 'm' ? 60_000 : 1000)
}

/** @param argv as Node gives it: two words come before the arguments */
export async function run(argv: readonly string[]): Promise<void> {
  await program.parseAsync(argv)
}
