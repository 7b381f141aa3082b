import { loadConfig } from '../config/index.ts'
import { StartFailure } from '../errors.ts'
import { type Gateway, startGateway } from '../gateway.ts'
import { createLog, type Log } from '../telemetry/index.ts'
import { askedToStop, complain, describeFinding } from './terminal.ts'

const lastLinesMs = 1_000

/** Runs until SIGTERM, SIGINT or the loss of the audit sink, drains, and returns the exit code. */
export async function serve(files: readonly string[], version: string): Promise<number> {
  const loaded = await loadConfig({ files, env: process.env })
  if (!loaded.ok) {
    for (const problem of loaded.problems) complain(describeFinding(problem))
    return 1
  }
  const { config, warnings } = loaded
  const log = createLog(config.log.level)
  for (const { path, message } of warnings) log.warn({ path }, message)

  const stop = askedToStop()
  try {
    const { stdout, env } = process
    const gateway = await startGateway(config, { log, stdout, version, env })
    if (config.audit.sink !== 'stdout') reopenWhenTold(gateway, log)
    log.info({ port: gateway.address.port, managementPort: gateway.managementAddress.port }, 'listening')
    const why = await Promise.race([stop, gateway.lost.then((lost) => ({ lost }))])
    if (typeof why === 'string') log.info({ signal: why }, 'draining')
    else log.fatal({ reason: why.lost }, 'the gateway can answer nothing any more: draining')
    await gateway.drain()
    log.info('drained')
    return typeof why === 'string' ? 0 : 1
  } catch (error) {
    if (error instanceof StartFailure) log.fatal(error.message)
    else log.fatal({ err: error }, 'the gateway cannot go on')
    return 1
  } finally {
    // Nothing but last lines and records keeps the process now. A stuck reader of theirs would keep it for ever.
    setTimeout(() => process.exit(), lastLinesMs).unref()
  }
}

/** SIGHUP, as tools that move log files away send it. */
function reopenWhenTold(gateway: Gateway, log: Log): void {
  process.on('SIGHUP', () => {
    gateway.reopenAudit().then(
      () => log.info('the file of audit records has been opened anew'),
      (error: unknown) =>
        log.error({ err: error }, 'SIGHUP: the file of audit records has not been exchanged as it should'),
    )
  })
}
