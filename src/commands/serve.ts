import { loadConfig } from '../config/index.ts'
import { StartFailure } from '../errors.ts'
import { type Gateway, startGateway } from '../gateway.ts'
import { createLog, type Log } from '../telemetry/index.ts'
import { keepTicksQuick } from '../ticks.ts'
import { askedToStop, complain, describeFinding } from './terminal.ts'

const lastLinesMs = 1_000

/** Runs until SIGTERM, SIGINT, the loss of the audit sink or a fault nobody caught, drains, and returns the exit code. */
export async function serve(files: readonly string[], version: string): Promise<number> {
  keepTicksQuick()
  const loaded = await loadConfig({ files, env: process.env })
  if (!loaded.ok) {
    for (const problem of loaded.problems) complain(describeFinding(problem))
    return 1
  }
  const { config, warnings } = loaded
  const log = createLog(config.log.level)
  for (const { path, message } of warnings) log.warn({ path }, message)

  const stop = askedToStop()
  const fault = uncaught(log)
  try {
    const { stdout, env } = process
    const starting = startGateway(config, { log, stdout, version, env })
    const gateway = await Promise.race([starting, fault.then(giveUp)])
    if (config.audit.sink !== 'stdout') reopenWhenTold(gateway, log)
    log.info({ port: gateway.address.port, managementPort: gateway.managementAddress.port }, 'listening')
    const lost = Promise.race([gateway.lost, fault]).then((reason) => ({ reason }))
    const why = await Promise.race([stop, lost])
    if (typeof why === 'string') log.info({ signal: why }, 'draining')
    else log.fatal(why, 'the gateway cannot go on: draining')
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

/**
 * Resolves when an error was thrown, or a promise rejected, where nobody caught it. What state that has left is unknown, so
 * nothing new is begun; what has been asked is answered as far as it can be, and each further fault is only logged.
 */
function uncaught(log: Log): Promise<string> {
  return new Promise((resolve) => {
    // Anything can be thrown, whatever the type says.
    process.on('uncaughtException', (err: unknown, origin) => {
      log.fatal({ err, origin }, 'a fault of the gateway that nothing caught')
      resolve(`a fault of the gateway: ${err instanceof Error ? err.message : String(err)}`)
    })
  })
}

function giveUp(reason: string): never {
  throw new StartFailure(reason)
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
