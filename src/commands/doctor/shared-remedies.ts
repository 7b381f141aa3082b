import type { SharedConfig } from '../../config/index.ts'
import type { SharedFailure } from '../../shared/index.ts'

/** All that is done there, and what only the doctor asks. */
const commands =
  '+ping +cluster|slots +asking +subscribe +unsubscribe +publish +eval +evalsha +time ' +
  '+get +set +del +pttl +pexpire +zadd +zcard +zrange +zrangebyscore +zremrangebyscore +zscore ' +
  '+info +cluster|info +pubsub|numsub'

/** The first whose words these are. */
const byWords: readonly (readonly [RegExp, (shared: SharedConfig) => string])[] = [
  [
    /the password file/,
    () => 'see cache.shared.auth.file: it is read at every connection, by the user who runs the gateway',
  ],
  [
    /WRONGPASS|ERR AUTH|invalid password/,
    ({ auth }) =>
      auth.type === 'entra'
        ? 'give this identity access to the data of the database in Azure (its access policy assignments), by its object ID'
        : 'the user or the password is another one there: see cache.shared.auth, its username and its file',
  ],
  [/NOAUTH/, () => 'it asks for a password: set cache.shared.auth to passwordFile, or entra'],
  [
    /\bHELLO\b|NOPROTO/,
    () => 'it does not speak RESP 3: Redis 7.0 or Valkey 7.2 is needed, without a proxy that speaks less',
  ],
  [
    /NOPERM|ACL failure|The user executing/,
    ({ prefix }) => `permit this user what replicas do: ACL SETUSER … ~${prefix}:* &${prefix}:* ${commands}`,
  ],
  [
    /\bDENIED\b/,
    () => 'it talks to its own machine only until it has a password or protected-mode is off: give it one',
  ],
  [
    /MOVED|ASK \d/,
    () => 'it is one node of a cluster: write cache.shared.cluster in place of cache.shared.url',
  ],
  [
    /cluster support disabled/,
    () => 'it is a server by itself: write cache.shared.url in place of cache.shared.cluster',
  ],
  [
    /CLUSTERDOWN|no node is known/,
    () =>
      'some slots of the cluster are served by nobody: redis-cli --cluster check says which, and --cluster fix mends it',
  ],
  [
    /READONLY/,
    () => 'it is a replica, which takes nothing: give the address of its master, one that follows a failover',
  ],
  [/MASTERDOWN/, () => 'it is a replica that has lost its master: give the address of the master'],
  [/LOADING/, () => 'it is reading its data from disk: ask again when it has'],
  [
    /OOM/,
    () =>
      'it is full and has nothing that it may throw away: raise maxmemory, or set maxmemory-policy to allkeys-lru',
  ],
  [
    /MISCONF|NOREPLICAS/,
    () => 'it takes nothing until that is mended; what replicas share need be neither saved nor copied',
  ],
  [/max number of clients/, () => 'each replica keeps two connections (to a cluster, one more than masters)'],
  [
    /altnames/,
    () =>
      'its certificate is for other names: write one of them into the address, or have it issued for this one',
  ],
  [/certificate has expired|not yet valid/, () => 'have it renewed, and compare the clocks'],
  [
    /certificate required|handshake failure/,
    () => 'it wants a certificate of ours, and there is none: tls-auth-clients no',
  ],
  [
    /certificate/,
    () =>
      'give the authority (PEM) that its certificate is of as cache.shared.caFile; in Azure none is needed',
  ],
  [
    /ENOTFOUND|EAI_AGAIN/,
    () => 'is the name spelled as it should be? If so, this machine’s name server does not know it',
  ],
  [
    /ECONNRESET|closed unexpectedly|EPIPE/,
    () => 'whoever is there hangs up: a port that speaks TLS does when it is asked without (write rediss://)',
  ],
  [
    /packet length|wrong version/,
    () => 'whoever is there does not speak TLS: write redis://, or the port that does',
  ],
]

const otherwise =
  'let this machine reach it: see cache.shared, the firewall and the NetworkPolicy; until then each replica goes on alone'

/** What to do about what Redis answered, or about its silence. */
export function sharedRemedy({ message }: Pick<SharedFailure, 'message'>, shared: SharedConfig): string {
  const [, remedy] = byWords.find(([words]) => words.test(message)) ?? []
  return remedy?.(shared) ?? otherwise
}
