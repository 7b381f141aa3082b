/**
 * Whether a server does all that replicas ask of it, and what it says of itself: for `doctor`.
 *
 * @module
 */

import type { Connection } from './connection.ts'
import type { Reply } from './link.ts'
import { channelOf } from './purge-log.ts'
import { script } from './script.ts'

/** A command, and why it is refused. */
export interface Refusal {
  readonly command: string
  readonly why: string
}

/**
 * Each by itself: a server that refuses a command inside a script does not say which.
 *
 * KEYS: two names for a moment. ARGV: a channel. Answers with a command and the server's words for each that is refused.
 */
export const tryEverything = script(`
local refused = {}
local function try(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply['err'] then
    table.insert(refused, (...))
    table.insert(refused, reply['err'])
  end
  return reply
end
local t = try('TIME')
try('SET', KEYS[1], '', 'NX', 'PX', 60000)
if t[1] then try('SET', KEYS[1], '', 'PXAT', (t[1] + 60) * 1000) end
try('GET', KEYS[1])
try('PTTL', KEYS[1])
try('ZADD', KEYS[2], 1, 'probe')
try('PEXPIRE', KEYS[2], 60000)
try('ZSCORE', KEYS[2], 'probe')
try('ZCARD', KEYS[2])
try('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
try('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'WITHSCORES')
try('ZREMRANGEBYSCORE', KEYS[2], '-inf', '+inf')
try('DEL', KEYS[1])
try('PUBLISH', ARGV[1], '')
return refused`)

/** So many slots of a cluster are tried: of each node some, if there are not very many nodes. */
const slotsTried = 64

/**
 * Runs in scripts what replicas run, writes, deletes what it has written, and waits for a message.
 *
 * @param tooLate resolves when a message is
 * @throws {SharedFailure} scripts, or listening, are refused, or the server is away
 */
export async function probe(
  connection: Connection,
  prefix: string,
  tooLate: Promise<unknown>,
): Promise<{ readonly refused: readonly Refusal[]; readonly isHeard: boolean }> {
  const channel = `${prefix}:{doctor}:probe`
  const { promise: heard, resolve } = Promise.withResolvers<true>()
  const leave = await connection.subscribe(channel, () => resolve(true))
  try {
    const replies = await Promise.all(
      Array.from({ length: slotsTried }, (_, number) => {
        const key = `${prefix}:{doctor${number}}:probe`
        return connection.run(tryEverything, [key, `${key}s`], [channel])
      }),
    )
    const refused = replies.flatMap(refusalsIn)
    const each = new Map(refused.map((refusal) => [refusal.command, refusal]))
    const isHeard = !each.has('PUBLISH') && (await Promise.race([heard, tooLate.then(() => false)]))
    return { refused: [...each.values()], isHeard }
  } finally {
    leave()
  }
}

function refusalsIn(reply: Reply): Refusal[] {
  const words = Array.isArray(reply) ? reply.map(String) : []
  return words.flatMap((command, at) => (at % 2 === 0 ? [{ command, why: words[at + 1] ?? '' }] : []))
}

/** What is not told is refused to us, or unknown there. */
export interface ServerTold {
  /** Of its clock, in epoch ms. */
  readonly now: number
  /** As INFO writes it: `name:value` a line. */
  readonly server: string | undefined
  readonly memory: string | undefined
  /** CLUSTER INFO. */
  readonly cluster: string | undefined
  /** Replicas that listen to this node. */
  readonly listening: number | undefined
}

/** KEYS: any. ARGV: the replicas' channel. */
const look = script(`
local function ask(...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply['err'] then return false end
  return reply
end
local t = redis.call('TIME')
local listening = ask('PUBSUB', 'NUMSUB', ARGV[1])
return {
  t[1] * 1000 + math.floor(t[2] / 1000),
  ask('INFO', 'server'),
  ask('INFO', 'memory'),
  ask('CLUSTER', 'INFO'),
  listening and listening[2],
}`)

/** @throws {SharedFailure} */
export async function lookAt(connection: Connection, prefix: string): Promise<ServerTold> {
  const reply = await connection.run(look, [`${prefix}:{doctor}:probe`], [channelOf(prefix)])
  const [now, server, memory, cluster, listening] = Array.isArray(reply) ? reply : []
  return {
    now: Number(now),
    server: textIn(server),
    memory: textIn(memory),
    cluster: textIn(cluster),
    listening: typeof listening === 'number' ? listening : undefined,
  }
}

function textIn(reply: Reply | undefined): string | undefined {
  return Buffer.isBuffer(reply) ? reply.toString() : undefined
}
