import { loadConfig } from '../config/index.ts'
import { StartFailure } from '../errors.ts'
import { startGateway } from '../gateway.ts'
import { createLog } from '../telemetry/index.ts'
import { askedToStop, complain, describeFinding } from './terminal.ts'

const lastLinesMs = 1_000

/** Runs until SIGTERM or SIGINT, drains, and returns the exit code. */
export async function serve(files: readonly string[]): Promise<number> {
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
    const gateway = await startGateway(config, { log, auditSink: process.stdout, env: process.env })
    log.info({ port: gateway.address.port, managementPort: gateway.managementAddress.port }, 'listening')
    const signal = await stop
    log.info({ signal }, 'draining')
    await gateway.drain()
    log.info('drained')
    return 0
  } catch (error) {
    if (error instanceof StartFailure) log.fatal(error.message)
    else log.fatal({ err: error }, 'the gateway cannot go on')
    return 1
  } finally {
    // Nothing but last lines and records keeps the process now. A stuck reader of theirs would keep it for ever.
    setTimeout(() => process.exit(), lastLinesMs).unref()
  }
}
