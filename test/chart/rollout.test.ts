import assert from 'node:assert/strict'
import { mkdtempDisposable, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, errors, request } from 'undici'
import { loadConfig } from '../../src/config/index.ts'
import { type Emulator, startEmulator } from '../../src/emulator/index.ts'
import { builtProgram } from '../commands/program.ts'
import { type Serving, startServing } from '../commands/serving.ts'
import { type Pod, type Service, startService } from '../world/service.ts'
import { sessionPath } from '../world/world.ts'
import { only, render } from './render.ts'

const manifests = await render({ values: { replicas: 2 } })
const deployment = only(manifests, 'Deployment')['spec']
const podSpec = deployment.template.spec
const { maxUnavailable: mayBeAway } = only(manifests, 'PodDisruptionBudget')['spec']
const { drain, connectionMaxAge } = await serverConfig()

/** A second of the chart is a fifth of one here. */
const timely = (ms: number): number => ms / 5
/** Fifty times as fast again: nobody waits for minutes here. Only where it is what is tried: it would hide a bad drain. */
const shortMaxAgeMs = Math.round(connectionMaxAge / 250)
const graceMs = timely(podSpec.terminationGracePeriodSeconds * 1000)
/** So long, the last time, a gateway that ends waits for the next request of a connection (docs/reference/operations.md). */
const lingerMs = 500
const entry = builtProgram()

/** As the gateway reads it. */
async function serverConfig(): Promise<{
  drain: { delay: number; timeout: number }
  connectionMaxAge: number
}> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'session-gateway-rollout-'))
  const file = join(folder.path, 'gateway.yaml')
  await writeFile(file, only(manifests, 'ConfigMap', 'gw-session-gateway')['data']['gateway.yaml'])
  const loaded = await loadConfig({ files: [file], env: { KUBERNETES_SERVICE_HOST: '::1' } })
  assert.ok(loaded.ok, JSON.stringify(loaded))
  return loaded.config.server
}

interface Replica extends Pod {
  /** As the kubelet does: SIGTERM, and SIGKILL when the grace period is over. */
  stop(): Promise<void>
}

describe('a caller notices nothing of', () => {
  let emulator: Emulator
  let service: Service
  const world = new AsyncDisposableStack()
  const over = new AbortController()
  const stopping: Promise<void>[] = []

  before(async () => {
    emulator = world.use(await startEmulator())
    service = world.use(
      await startService({
        readinessPeriodMs: timely(podSpec.containers[0].readinessProbe.periodSeconds * 1000),
        // Half of what the gateway waits for.
        propagationMs: timely(drain.delay) / 2,
      }),
    )
  })
  after(() => {
    over.abort()
    return world.disposeAsync()
  })

  /** Gives up with the last test: one that has timed out must not keep the process. */
  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await pause(5, undefined, { signal: over.signal })
  }

  /** Resolves when callers are sent there. */
  async function startReplica(maxAgeMs = timely(connectionMaxAge)): Promise<Replica> {
    const serving = await startServing({
      entry,
      emulator,
      config: {
        server: {
          drain: { delay: `${timely(drain.delay)}ms`, timeout: `${timely(drain.timeout)}ms` },
          connectionMaxAge: `${maxAgeMs}ms`,
        },
      },
    })
    world.use(serving)
    const replica: Replica = {
      port: serving.port,
      isReady: async () => (await serving.manage('/readyz')).status === 200,
      stop: () => stop(serving, replica),
    }
    service.add(replica)
    await until(() => service.isEndpoint(replica))
    return replica
  }

  async function stop({ program }: Serving, replica: Replica): Promise<void> {
    program.child.kill('SIGTERM')
    const patience = setTimeout(() => program.child.kill('SIGKILL'), graceMs)
    const [{ code, signal }] = await Promise.all([program.ended, service.remove(replica)])
    clearTimeout(patience)
    assert.deepEqual([code, signal], [0, null], 'it has drained, and was not killed')
  }

  interface Load extends AsyncDisposable {
    readonly answered: number
    /** What was not answered as it should be. */
    readonly failures: readonly unknown[]
    /** Connections that ended before the next request, as that was late: where there is too little CPU for all of us. */
    readonly heldUp: number
  }

  /** Callers that keep their connections for as long as they may: half of them ask at once again, half after a while. */
  async function startLoad(): Promise<Load> {
    const token = await emulator.issuer.token({ sub: 'reader', aud: 'session-gateway.test' })
    const failures: unknown[] = []
    let answered = 0
    let heldUp = 0
    let isOver = false
    async function call(thinkMs: number): Promise<void> {
      const agent = new Agent({ connections: 1, connect: { ca: emulator.caPem, servername: 'localhost' } })
      const headers = { authorization: `Bearer ${token}` }
      let lastAt = performance.now()
      while (!isOver) {
        try {
          const url = `https://127.0.0.1:${service.port}${sessionPath}`
          const { statusCode, body } = await request(url, { dispatcher: agent, headers })
          const { id } = JSON.parse(await body.text())
          lastAt = performance.now()
          if (statusCode === 200 && sessionPath.endsWith(id)) answered += 1
          else failures.push(statusCode)
        } catch (error) {
          const wasHeldUp = performance.now() - lastAt > lingerMs
          if (wasHeldUp && error instanceof errors.SocketError) heldUp += 1
          else failures.push(error)
          lastAt = performance.now()
        }
        await pause(thinkMs)
      }
      await agent.close()
    }
    const callers = Array.from({ length: 16 }, (_, n) => call(n % 2 === 0 ? 5 : 100))
    return {
      get answered() {
        return answered
      },
      failures,
      get heldUp() {
        return heldUp
      },
      async [Symbol.asyncDispose]() {
        isOver = true
        await Promise.all(callers)
      },
    }
  }

  async function underLoad(change: () => Promise<void>): Promise<void> {
    let load: Load | undefined
    {
      await using running = await startLoad()
      load = running
      await until(() => running.answered > 100)
      await change()
      await Promise.all(stopping.splice(0))
      const enough = running.answered + 100
      await until(() => running.answered > enough)
    }
    assert.deepEqual(load.failures, [])
    assert.ok(load.heldUp < load.answered / 20, `${load.heldUp} were held up`)
    assert.equal(service.missed, 0)
  }

  const replicas: Replica[] = []

  function stopMeanwhile(replica: Replica): void {
    stopping.push(replica.stop())
  }

  test('a rolling update: one more, and none less meanwhile', async () => {
    assert.deepEqual(deployment.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 })
    replicas.push(...(await Promise.all(Array.from({ length: deployment.replicas }, () => startReplica()))))
    await underLoad(async () => {
      for (const old of replicas.splice(0)) {
        replicas.push(await startReplica())
        stopMeanwhile(old)
      }
    })
  })

  test('the drain of a node: each is evicted when the budget permits it, and replaced afterwards', async () => {
    assert.equal(mayBeAway, 1)
    await underLoad(async () => {
      for (const evicted of replicas.splice(0)) {
        stopMeanwhile(evicted)
        replicas.push(await startReplica(shortMaxAgeMs))
      }
    })
  })

  test('twice as many, which get their part, and half as many again', async () => {
    assert.ok(connectionMaxAge * 1.1 < 6 * 60_000, 'new pods get callers within six minutes')
    await underLoad(async () => {
      const more = await Promise.all([startReplica(shortMaxAgeMs), startReplica(shortMaxAgeMs)])
      await until(() => more.every((replica) => service.connectionsOf(replica) > 0))
      replicas.splice(0).forEach(stopMeanwhile)
    })
  })
})
