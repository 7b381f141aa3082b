/**
 * What must work before somebody is asked: the way out, the proxy if it is for them, and the name of whoever is connected to.
 *
 * @module
 */

import type { Config } from '../../config/index.ts'
import type { Outbound } from '../../outbound/index.ts'
import { isProxiedFor } from '../../reach.ts'
import { examineName, nameIn } from './network.ts'
import { examineProxy } from './proxy.ts'
import type { Begin, Step } from './steps.ts'

/** The first is the way out. */
export type Needs = readonly [Step<Outbound>, ...Step<unknown>[]]

export interface Ways {
  readonly reaching: (origin: string) => Needs
  /** Whatever the configuration says of a proxy. */
  readonly directly: (origin: string) => Needs
  /** Where somebody has a name, the step that looks it up. */
  readonly named: (origin: string) => readonly Step<unknown>[]
  /** Those that have been needed so far. */
  readonly steps: () => readonly Step<unknown>[]
}

const nameMs = 4_000
const proxyMs = 4_000
const graceMs = 1_000

export function createWays(
  config: Config,
  { way, begin }: { readonly way: Step<Outbound>; readonly begin: Begin },
): Ways {
  const { proxy } = config.outbound
  const isProxied = isProxiedFor(config)
  const names = new Map<string, Step<unknown>>()
  const proxied = new Set<string>()
  let throughProxy: Step<unknown> | undefined

  function named(origin: string): readonly Step<unknown>[] {
    const name = nameIn(origin)
    if (name === undefined) return []
    const step =
      names.get(name) ?? begin(`dns ${name}`, { withinMs: nameMs, needs: [] }, () => examineName(name))
    names.set(name, step)
    return [step]
  }

  const directly = (origin: string): Needs => [way, ...named(origin)]

  function reaching(origin: string): Needs {
    if (proxy === undefined || proxy === 'off' || !isProxied(origin)) return directly(origin)
    proxied.add(new URL(origin).origin)
    const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host
    throughProxy ??= begin(
      'outbound.proxy',
      { withinMs: proxyMs + graceMs, needs: directly(`${proxy.scheme}://${host}:${proxy.port}`) },
      (outbound) => examineProxy(outbound, [...proxied], proxyMs),
    )
    return [way, throughProxy]
  }

  return {
    reaching,
    directly,
    named,
    steps: () => [...names.values(), ...(throughProxy === undefined ? [] : [throughProxy])],
  }
}
