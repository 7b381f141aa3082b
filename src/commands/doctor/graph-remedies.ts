import type { GatewayError } from '../../errors.ts'

const byStatus: Readonly<Record<number, string>> = {
  400: 'Graph does not understand what it is asked: see that graph.endpoint is Graph',
  401:
    'Graph does not take a token that Entra has just made: identity.authorityHost and graph.endpoint must be of one cloud, ' +
    'and the clock right',
  403:
    'Graph refuses this application though its token has the role: see what it said, and the application’s sign-in log in ' +
    'Entra; Microsoft’s support asks for the request-id',
}

const byCode: Readonly<Record<string, string>> = {
  graphTimedOut:
    'let this machine reach it on port 443: a firewall that drops packets looks like this; or raise graph.deadline',
  graphAnswerInvalid:
    'something else than Graph answers there (a proxy, a captive portal): see graph.endpoint and what is in between',
}

/** What to do about what Graph answered, or about its silence. */
export function graphRemedy({ code, receivedStatus, retryAfterMs = 0 }: GatewayError): string {
  if (receivedStatus === 429) {
    return (
      'Graph is reached and takes the token, but throttles this application; the gateway waits by itself, now for ' +
      `${Math.ceil(retryAfterMs / 1000)} s`
    )
  }
  if (receivedStatus !== undefined && receivedStatus >= 500) {
    return 'Graph is reached and fails: the gateway tries again by itself, and answers from its cache meanwhile'
  }
  return (
    byStatus[receivedStatus ?? 0] ??
    byCode[code] ??
    'let this machine reach it on port 443: see graph.endpoint, the firewall, and outbound.caFile where TLS is intercepted'
  )
}
