/**
 * What Redis does for the replicas, one step at a time. Each script is atomic and answers first of all with the time by
 * its own clock, in epoch milliseconds: that one alone is the same for all replicas.
 *
 * @module
 */

import { script } from './script.ts'

const time = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`

/** Clocks that nobody sets may drift apart by so much during a trip. */
const leewayMs = 100

/** KEYS: entry. Answers with its value. */
export const get = script(`${time}
return { now, redis.call('GET', KEYS[1]) }`)

/** KEYS: entry. */
export const drop = script(`${time}
redis.call('DEL', KEYS[1])
return { now }`)

/**
 * KEYS: entry, lease. ARGV: who claims it (a number, a space, a token), for how long in ms, the least number that it must
 * have been claimed with to be respected, `1` to take it from whoever has it.
 *
 * Answers with the entry's value, and how long another's lease still lasts in ms; 0 when it is ours. One that nobody can have
 * claimed (in another form, without an end, or lasting longer) is respected by nobody.
 */
export const claim = script(`${time}
local held = redis.call('GET', KEYS[2])
local number = held and tonumber(string.match(held, '^%d+ '))
local left = redis.call('PTTL', KEYS[2])
if ARGV[4] == '1' or not number or number < tonumber(ARGV[3]) or left < 0 or left > tonumber(ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
  left = 0
else
  left = math.max(1, left)
end
return { now, redis.call('GET', KEYS[1]), left }`)

/** KEYS: lease. ARGV: who has it, for how long from now in ms. */
export const renew = script(`${time}
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return { now }`)

/**
 * KEYS: entry, lease. ARGV: who has it, the entry's value, when it is spent in epoch ms, `1` where what was there before is
 * no more, when it came. Only who has the lease may put anything there; and nothing that is yet to come: since the lease was
 * claimed a clock has been set, and it would be given for younger than it is.
 */
export const land = script(`${time}
local isHeld = redis.call('GET', KEYS[2]) == ARGV[1]
local isStored = isHeld and tonumber(ARGV[5]) <= now + ${leewayMs}
local stored = {}
if isStored then
  stored = redis.pcall('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
elseif ARGV[4] == '1' then
  redis.call('DEL', KEYS[1])
end
if isHeld then
  redis.call('DEL', KEYS[2])
  redis.call('PUBLISH', KEYS[2], '')
end
if stored['err'] then return redis.error_reply(stored['err']) end
return { now, isStored and 1 or 0 }`)

/** KEYS: lease. ARGV: who has it, what those who wait are told. */
export const release = script(`${time}
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('PUBLISH', KEYS[1], ARGV[2])
end
return { now }`)

/** In a log of purges: below this number nothing is known. */
export const floorMember = 'floor'

/**
 * A number is a time, or one more than the one before. Whatever is a hundred years ahead somebody else has written; if it
 * stayed, there would soon be no higher one.
 */
const highest = `
local function last() return tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2] or 0) end
local highest = last()
if highest > now + 3.2e12 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('%.0f', now + 3.2e12), '+inf')
  highest = last()
end`

/** Longer than Graph is ever left alone; what is shut for longer, or no number, somebody else has written. */
const gateUntil = (key: string): string => `
local shut = tonumber(redis.call('GET', ${key}) or 0)
if not shut or not (shut < now + 3600000) then shut = 0 end`

/**
 * KEYS: log. ARGV: member, the highest number that is known, for how long purges matter in ms, how many are kept at most.
 *
 * Numbers are milliseconds, and higher than every one before: also where Redis has lost those. Answers with this one's.
 */
export const purge = script(`${time}${highest}
local number = math.max(now, highest + 1, ARGV[2] + 1)
redis.call('ZADD', KEYS[1], number, ARGV[1])
local least = number - ARGV[3]
local tooMany = redis.call('ZCARD', KEYS[1]) - ARGV[4]
if tooMany > 0 then
  least = math.max(least, tonumber(redis.call('ZRANGE', KEYS[1], tooMany - 1, tooMany - 1, 'WITHSCORES')[2]))
end
local old = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', least, 'WITHSCORES')
if #old > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', least)
  redis.call('ZADD', KEYS[1], old[#old], '${floorMember}')
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', KEYS[1], '')
return { now, number }`)

/**
 * KEYS: log, gate, when it was last asked. That is written each time: a server that is full or a replica only takes nothing,
 * and is not to be asked. It is written before anything else, since a full one takes everything of a script that has
 * written something already.
 *
 * ARGV: the highest number that is known, for how long purges matter in ms.
 *
 * Answers with the floor, what is in the log beyond that number (member, number, …), until when Graph is not to be asked
 * (epoch ms, 0: it may). A log that is not there, or has not what whoever asks knows to have been in it, has been lost: it
 * begins anew, and then nothing is known of what was before. So it does where the clock has been set back by more than a
 * second: by it, whatever was written before would seem younger than it is.
 */
export const sync = script(`${time}${gateUntil('KEYS[2]')}
local lastAsked = redis.call('GET', KEYS[3])
redis.call('SET', KEYS[3], now, 'PX', ARGV[2])${highest}
local floor = redis.call('ZSCORE', KEYS[1], '${floorMember}')
local everything = redis.call('ZSCORE', KEYS[1], '*')
local isKnown = #redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1]) > 0
local isSetBack = now < (tonumber(lastAsked or 0) or 0) - 1000
if isSetBack then
  redis.call('DEL', KEYS[2])
  shut = 0
end
if not floor or isSetBack or not isKnown and tonumber(ARGV[1]) > math.max(floor, everything or 0) then
  floor = math.max(now, ARGV[1] + 1, highest + 1)
  redis.call('ZADD', KEYS[1], floor, '${floorMember}')
  redis.call('PUBLISH', KEYS[1], '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
local since = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES')
return { now, tonumber(floor), since, shut }`)

/** KEYS: gate, log. ARGV: for how long Graph is not to be asked, in ms. Answers with until when. */
export const shut = script(`${time}${gateUntil('KEYS[1]')}
local till = math.max(now + math.ceil(ARGV[1]), shut)
redis.call('SET', KEYS[1], till, 'PXAT', till)
redis.call('PUBLISH', KEYS[2], '')
return { now, till }`)
