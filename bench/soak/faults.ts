/**
 * What goes wrong at Graph, Entra and the issuers, and on the gateway's disk.
 *
 * @module
 */

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Emulator, Fault } from '../../src/emulator/index.ts'
import { type Chance, chanceOf } from './chance.ts'
import type { Findings } from './findings.ts'
import { type Identity, renewTokens } from './identities.ts'
import { pause, type Plan, type Turns } from './plan.ts'

type PartName = Parameters<Emulator['fail']>[0]

/** When each part last had a fault, in the time of `performance.now()`. */
export type Troubles = Record<PartName, number>

export interface Trouble {
  readonly emulator: Emulator
  readonly plan: Plan
  readonly findings: Findings
  readonly troubles: Troubles
  readonly identities: readonly Identity[]
  readonly folder: string
  /** For those who change its files, or need them as they should be. */
  readonly disk: Turns
  /** Where redirects lead: nobody may ever come. */
  readonly trap: string
}

export const wrongSecret = 'not-the-secret-0b8f2c71'

const anyPart: readonly ((chance: Chance, trap: string) => Fault)[] = [
  (chance) => ({ kind: 'status', status: chance.of([500, 502, 503, 504]) }),
  (chance) => ({ kind: 'status', status: 429, retryAfter: chance.of(['0.249', '1', '2']) }),
  (chance) => ({ kind: 'status', status: 503, retryAfter: chance.of(['1', '2', 'soon']) }),
  () => ({ kind: 'status', status: 429 }),
  (chance) => ({ kind: 'status', status: chance.of([400, 401, 403, 408, 431]) }),
  (chance) => ({ kind: 'delay', ms: chance.between(50, 2500) }),
  () => ({ kind: 'hang' }),
  (chance) => ({ kind: 'hold', until: pause(chance.between(100, 2000)) }),
  () => ({ kind: 'truncate' }),
  () => ({ kind: 'reset' }),
  (chance) => ({ kind: 'html', status: chance.of([200, 502, 503]) }),
  (chance, trap) => ({
    kind: 'redirect',
    location: `${trap}/elsewhere`,
    status: chance.of([301, 302, 307, 308]),
  }),
  (chance) => ({
    kind: 'body',
    status: 200,
    headers: { 'Content-Type': 'application/json' },
    body: chance.of(['{"id":', '[]', 'null', '', `{"x":"${'x'.repeat(300_000)}"}`]),
  }),
  () => ({ kind: 'body', status: 200, headers: { 'X-Filler': 'x'.repeat(100_000) }, body: '{}' }),
]
const graphOnly: readonly Fault[] = [{ kind: 'otherId' }, { kind: 'extra' }]
/** Longer than the gateway's cooldown between fetches of keys. */
const publishedBeforeMs = 31_000
const entraCodes = [7000215, 7000222, 700016, 90002, 50034]

function faultFor(part: PartName, chance: Chance, trap: string): Fault {
  if (part === 'graph' && chance.is(0.15)) return chance.of(graphOnly)
  if (part === 'token' && chance.is(0.3)) return { kind: 'entraError', aadsts: chance.of(entraCodes) }
  return chance.of(anyPart)(chance, trap)
}

const partWeights = [
  ['graph', 70],
  ['token', 14],
  ['issuer', 8],
  ['cluster', 8],
] as const
const partNames = partWeights.map(([part]) => part)

/** Storms of single faults and outages, and calm between them. */
export async function causeFaults({ emulator, plan, findings, troubles, trap }: Trouble): Promise<void> {
  const chance = chanceOf(plan.seed, 'faults')
  while (!plan.isOver) {
    for (let left = chance.between(15, 30); left > 0 && !plan.isOver; left -= 1) {
      await pause(chance.between(200, 2000))
      const part = chance.weighed(partWeights)
      const fault = faultFor(part, chance, trap)
      troubles[part] = performance.now()
      // If they piled up, whoever asks seldom would meet nothing else: an exchange, or the probe of a gate.
      emulator.recover(part)
      emulator.fail(part, fault, part === 'graph' ? chance.between(1, 2) : 1)
      findings.count(`fault ${part} ${fault.kind}`)
    }
    await outage()
    for (const part of partNames) emulator.recover(part)
    await pause(chance.between(8_000, 12_000))
  }

  async function outage(): Promise<void> {
    const part = chance.weighed(partWeights)
    const fault = chance.of<Fault>([{ kind: 'reset' }, { kind: 'hang' }, { kind: 'status', status: 500 }])
    emulator.fail(part, fault, Infinity)
    findings.count(`outage ${part}`)
    for (let left = chance.between(2, 6); left > 0; left -= 1) {
      troubles[part] = performance.now()
      await pause(1_000)
    }
    emulator.recover(part)
    troubles[part] = performance.now()
  }
}

/** Keys rotate, tokens are revoked, entity tags come and go, files change on disk, some of them for the worse. */
export async function changeSecrets(trouble: Trouble): Promise<void> {
  const { emulator, plan, findings, troubles, identities, folder, disk } = trouble
  const chance = chanceOf(plan.seed, 'secrets')
  const put = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text)
  const changes: Readonly<Record<string, () => Promise<void>>> = {
    'keys rotated': async () => {
      await emulator.issuer.rotate({ keepOld: true })
      // Issuers publish a key before they sign with it.
      const adopted = [...identities].map((identity) => ({ ...identity }))
      await renewTokens(adopted, emulator)
      const adopt = (): void =>
        adopted.forEach(({ token }, at) => Object.assign(identities[at] ?? {}, { token }))
      setTimeout(adopt, publishedBeforeMs).unref()
    },
    'app-only tokens revoked': async () => {
      troubles.graph = performance.now()
      emulator.entra.revokeTokens()
    },
    'entity tags switched': async () => {
      emulator.graph.hasEntityTags = !emulator.graph.hasEntityTags
    },
    'certificate swapped': async () => {
      const { certPem, keyPem } = await emulator.certificateFor(['localhost'])
      await put('tls.crt', certPem)
      // Between the two files the pair does not fit.
      await pause(chance.between(0, 500))
      await put('tls.key', keyPem)
    },
    'certificate broken for a while': async () => {
      const { certPem, keyPem } = await emulator.certificateFor(['localhost'])
      await put('tls.crt', 'no certificate')
      await pause(12_000)
      await Promise.all([put('tls.crt', certPem), put('tls.key', keyPem)])
    },
    'client secret wrong for a while': async () => {
      await put('client.secret', wrongSecret)
      for (let left = chance.between(2, 5); left > 0; left -= 1) {
        troubles.token = performance.now()
        await pause(1_000)
      }
      await put('client.secret', emulator.entra.clientSecret)
    },
  }
  while (!plan.isOver) {
    await pause(chance.between(4_000, 12_000))
    const what = chance.of(Object.keys(changes))
    findings.count(what)
    await disk(changes[what] as () => Promise<void>)
  }
  // A life that starts meanwhile reads what is there: leave what works.
  await put('client.secret', emulator.entra.clientSecret)
}
