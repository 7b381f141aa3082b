/**
 * The page on failure modes, from the table that the tests play.
 *
 * @module
 */

import { before, type Promised, table } from '../test/faults/table.ts'
import { type SharedFault, sharedTable } from '../test/faults/shared-table.ts'

export function failureModes(): string {
  return `# Failure modes

What callers get while something upstream is wrong. Each row is played by \`test/faults/faults.test.ts\` for a session of
which the cache has nothing, a fresh, a stale and an older answer; this page is written from the same table.

- **A fresh answer** is given in every row, and Graph is not asked.
- **A stale answer** is given in every row, while Graph is asked behind it; nobody waits.
- **An older one** (\`cache.staleIfError\`) is given where the table says _given_: 200, \`Cache-Status\` with the error's code as
  \`detail\`, \`lastResort\` in the record. Where it says _dropped_, what was kept of the session is gone, the stale one too.
- **With nothing kept** callers get the error of the row; nothing of it is stored but a 404 or 410 (\`cache.notFoundFor\`). The
  record has its status and code, and the operator one log line with the reason.

_Calls_ are those to Graph for one trip, of whoever waits. A question that failed then rests
([the HTTP contract](http.md)), and five failed trips in a row shut the gate.

## Graph

${written('graph')}

## Entra

A token is renewed ten minutes before its end, and while that fails it is used to its end: nobody notices. Exchanges are tried
again after 1 s, doubling up to 1 min, or when Entra says (10 min at most); callers never wait longer than \`graph.deadline\`.

${written('token')}

While as many calls to Graph are under way as may be, and whoever comes would have their turn too late, it is 503 \`graphBusy\`,
\`Retry-After: 1\`, or the older answer (\`test/graph/busy.test.ts\`).

## The shared cache

Where there is \`cache.shared\`, each of these is played by \`test/faults/shared.test.ts\` while callers go on asking two replicas,
and by \`test/faults/shared-cluster.test.ts\` for a cluster whose masters change or die. **No request fails**, in any row; what is
lost is speed, and calls to Graph.

- **A replica on its own** has what is in its memory, and makes its trips itself. A caller waits for Redis for
  \`cache.shared.timeout\` in all before their trip begins (once more where Redis goes while they wait for another replica's, or
  where Graph fails as well), and after three such waits in a row nobody does, until Redis answers in time again: once, or, where
  that was of no use within half a minute, twice as often in a row each time.
- **It is told once** that Redis is away, with the reason of that moment, and once that it is there; meanwhile \`shared_up\` is 0
  and \`degraded\` in \`/readyz\` has \`cache.shared: away\`. The replica stays ready.
- **A purge that replicas could not be told of** is 503 \`purgeNotShared\`: it is done on the replica that was asked, and the others
  are told by it as soon as Redis is back.
- **A replica that is cut off** holds to what others purge within five seconds: when it has heard nothing for 2 s, it gives what
  it had asked for before it last heard only when Graph fails, and what it has asked for since for 4 s at most.

| what happens | replicas | a purge meanwhile | the line says | afterwards |
| --- | --- | --- | --- | --- |
${sharedTable.map((each) => `| ${sharedCells(each).join(' | ')} |`).join('\n')}

## Before the cache is asked

What is kept makes no difference here, fresh or not. Nor does it where requests come faster than the core can answer them:
503 \`overloaded\`, \`Retry-After: 5\` ([operations](operations.md), \`test/http/shedding.test.ts\`).

| what happens | callers get |
| --- | --- |
${before.map(({ what, status, code, retryAfter }) => `| ${what} | ${status} \`${code}\`${told(retryAfter)} |`).join('\n')}
`
}

function written(at: Promised['at']): string {
  const rows = table.filter((each) => each.at === at).map((each) => `| ${cells(each).join(' | ')} |`)
  return [
    '| what happens | nothing kept | an older answer | calls |',
    '| --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

function cells({ what, status, code, retryAfter, kept, calls, callsBehind }: Promised): string[] {
  const answer = code === undefined ? `${status}` : `${status} \`${code}\`${told(retryAfter)}`
  const behind = callsBehind === undefined ? '' : `, behind a stale answer ${callsBehind}`
  return [what, answer, kept ?? 'renewed', `${calls}${behind}`]
}

function sharedCells({ what, shared, isOfOne, purge, says, after = '–' }: SharedFault): string[] {
  const who = { away: 'on their own', used: 'go on sharing', maybe: 'on their own, if at all, for a moment' }
  const replicas = isOfOne === true ? 'that one is on its own' : who[shared]
  const reason = says === undefined ? (shared === 'away' ? 'why the connection ended' : '–') : `_${says}_`
  return [
    what,
    replicas,
    purge === 200 ? '200' : `503 \`purgeNotShared\`${isOfOne === true ? ' there' : ''}`,
    reason,
    after,
  ]
}

function told(retryAfter: Promised['retryAfter']): string {
  if (retryAfter === undefined) return ''
  return retryAfter === 'some' ? ', `Retry-After`' : `, \`Retry-After: ${retryAfter}\``
}
