/**
 * The page on failure modes, from the table that the tests play.
 *
 * @module
 */

import { before, type Promised, table } from '../test/faults/table.ts'

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

function told(retryAfter: Promised['retryAfter']): string {
  if (retryAfter === undefined) return ''
  return retryAfter === 'some' ? ', `Retry-After`' : `, \`Retry-After: ${retryAfter}\``
}
