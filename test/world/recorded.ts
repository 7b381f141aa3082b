/** What a line of the trail says, in the words of the journey: tests of other rooms need not know OCSF. */

// oxlint-disable-next-line typescript/no-explicit-any -- what a test expects of a record, it says itself
export type Line = Record<string, any>

/** `undefined` for what the trail says of itself: that its chain was opened, for example. */
export function recordedIn(line: string): Line | undefined {
  const event: Line = JSON.parse(line)
  const { actor, api, metadata, unmapped, resources = [], http_request: asked, src_endpoint: peer } = event
  if (String(api.operation).startsWith('audit.')) return undefined
  const [resource] = resources
  const isOther = !['session.get', 'cache.purge', 'unknown'].includes(api.operation)
  const [authorization] = actor.authorizations ?? []
  const flat: Line = {
    action: { 2: 'read', 99: 'purge' }[Number(event['activity_id'])],
    time: event['time'],
    duration: event['duration'],
    count: event['count'],
    requestId: api.request.uid,
    clientRequestId: metadata.correlation_uid,
    method: asked?.http_method,
    peer: peer.ip,
    issuer: actor.idp?.name,
    subject: actor.user.uid,
    tokenId: actor.session?.credential_uid,
    namespace: actor.user.domain,
    serviceAccount: actor.user.uid === undefined ? undefined : actor.user.name,
    pod: actor.app_name,
    podUid: actor.app_uid,
    workspace: resource?.namespace,
    session: isOther ? undefined : resource?.uid,
    operation: isOther ? api.operation : undefined,
    resources: isOther ? resources.map(({ type, uid }: Line) => `${type} ${uid}`) : undefined,
    select: api.request.data?.select,
    filtered: api.request.data?.filtered,
    top: api.request.data?.top,
    nextPage: api.request.data?.next_page,
    rule: authorization?.policy?.name,
    status: Number(event['status_code']),
    refusal: api.response.error,
    reason: event['status_detail'],
    cache: unmapped.cache === 'none' ? undefined : unmapped.cache,
    graphFailure: unmapped.graph_failure,
    graphClientRequestId: unmapped.graph?.client_request_id,
    graphRequestId: unmapped.graph?.request_id,
    withheld: unmapped.withheld,
    cut: unmapped.cut,
  }
  return Object.fromEntries(Object.entries(flat).filter(([, value]) => value !== undefined))
}

/** Of whole lines. */
export function recordsIn(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line) => recordedIn(line) ?? [])
}
