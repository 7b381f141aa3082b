/**
 * What Prometheus sees of a gateway that is well, and for each alert what makes it fire and what only nearly does. A value
 * is written as promtool reads it (`from+step` each minute); `undefined`: there is no such series.
 */

export type Series = Readonly<Record<string, string | undefined>>

export interface AlertCase {
  readonly alert: string
  readonly what: string
  readonly seen: Series
  /** Minutes until it fires; a minute before, it does not. `undefined`: it never does. */
  readonly firesAfter: number | undefined
  /** Alerts that the same thing sets off, sooner or later. */
  readonly besides?: readonly string[]
  /** How long the case is looked at, in minutes, if not for half an hour. */
  readonly lasts?: number
  /** Minutes from one value to the next, if it is not one. */
  readonly step?: number
}

const year = 365 * 24 * 3600
const day = 24 * 3600

export const healthy: Series = {
  up: '1+0',
  session_gateway_ready: '1+0',
  'session_gateway_requests_total{status="200",cache="hit"}': '0+800',
  'session_gateway_requests_total{status="200",cache="miss"}': '0+200',
  'session_gateway_requests_total{status="403",cache="none"}': '0+10',
  'session_gateway_requests_total{status="502",cache="miss"}': '0+10',
  session_gateway_requests_shed_total: '0+0',
  'session_gateway_token_exchanges_total{result="success"}': '1+0',
  session_gateway_app_token_expiry_timestamp_seconds: '3600+60',
  session_gateway_app_token_role_missing: '0+0',
  session_gateway_app_token_needless_roles: '0+0',
  session_gateway_graph_gate_shut_seconds: '0+0',
  session_gateway_shared_up: '1+0',
  'session_gateway_shared_asked_total{operation="read",outcome="answered"}': '0+100',
  session_gateway_audit_blocked: '0+0',
  session_gateway_audit_refused_total: '0+0',
  session_gateway_audit_lost_total: '0+0',
  session_gateway_audit_records_total: '1+1011',
  'session_gateway_issuer_keys_fetched_timestamp_seconds{issuer="cluster"}': '0+60',
  'session_gateway_issuer_key_fetches_total{issuer="cluster",result="success"}': '1+1',
  'session_gateway_certificate_expiry_timestamp_seconds{setting="identity.credential"}': `${year}+0`,
  'session_gateway_certificate_expiry_timestamp_seconds{setting="server.tls"}': `${year}+0`,
  'session_gateway_reload_failing{setting="server.tls"}': '0+0',
  session_gateway_clock_skew_seconds: '2+0',
}

const failedExchanges = 'session_gateway_token_exchanges_total{result="failure"}'
const failedFetches = 'session_gateway_issuer_key_fetches_total{issuer="cluster",result="failure"}'
const fetchedAt = 'session_gateway_issuer_keys_fetched_timestamp_seconds{issuer="cluster"}'
const expiryOf = (setting: string): string =>
  `session_gateway_certificate_expiry_timestamp_seconds{setting="${setting}"}`
const hits = 'session_gateway_requests_total{status="200",cache="hit"}'
const misses = 'session_gateway_requests_total{status="200",cache="miss"}'
const denials = 'session_gateway_requests_total{status="403",cache="none"}'
const failures = 'session_gateway_requests_total{status="502",cache="miss"}'
/** A day as usual and some hours after it, by steps of five minutes. */
const afterADay = (usual: number, then: number): string => `0+${usual}x288 ${usual * 288 + then}+${then}x40`

export const alertCases: readonly AlertCase[] = [
  {
    alert: 'SessionGatewayDown',
    what: 'no replica answers Prometheus',
    seen: { up: '0+0', session_gateway_ready: undefined },
    firesAfter: 5,
    besides: ['SessionGatewayReplicaNotReady'],
  },
  {
    alert: 'SessionGatewayDown',
    what: 'Prometheus knows of no replica',
    seen: { up: undefined },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayDown',
    what: 'one replica of two answers Prometheus',
    seen: { 'up{instance="b"}': '0+0' },
    firesAfter: undefined,
    besides: ['SessionGatewayReplicaNotReady'],
  },
  {
    alert: 'SessionGatewayNotReady',
    what: 'no replica is ready',
    seen: { session_gateway_ready: '0+0' },
    firesAfter: 3,
    besides: ['SessionGatewayReplicaNotReady'],
  },
  {
    alert: 'SessionGatewayNotReady',
    what: 'one replica of two is not ready',
    seen: { 'session_gateway_ready{instance="b"}': '0+0' },
    firesAfter: undefined,
    besides: ['SessionGatewayReplicaNotReady'],
  },
  {
    alert: 'SessionGatewayReplicaNotReady',
    what: 'one replica of two is not ready',
    seen: { 'session_gateway_ready{instance="b"}': '0+0' },
    firesAfter: 15,
  },
  {
    alert: 'SessionGatewayReplicaNotReady',
    what: 'a replica is replaced',
    seen: { 'session_gateway_ready{instance="b"}': '0+0x7 _x20' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayErrors',
    what: 'every tenth request fails',
    seen: { [failures]: '0+100', session_gateway_audit_records_total: '1+1111' },
    firesAfter: 6,
  },
  {
    alert: 'SessionGatewayErrors',
    what: 'every tenth request is refused under load',
    seen: { session_gateway_requests_shed_total: '0+110' },
    firesAfter: 6,
  },
  {
    alert: 'SessionGatewayErrors',
    what: 'every tenth request is for what is cached only, and it is not',
    seen: {
      [failures]: '0+100',
      'session_gateway_refusals_total{code="notCached"}': '0+100',
      session_gateway_audit_records_total: '1+1111',
    },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayErrors',
    what: 'one of few requests fails',
    seen: {
      'session_gateway_requests_total{status="200",cache="hit"}': '0+1',
      'session_gateway_requests_total{status="200",cache="miss"}': '0+1',
      'session_gateway_requests_total{status="403",cache="none"}': '0+0',
      [failures]: '0+1',
    },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayErrors',
    what: 'every twenty-fifth request fails',
    seen: { [failures]: '0+40', session_gateway_audit_records_total: '1+1051' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayTokenNotRenewed',
    what: 'exchanges fail, and the token ends after twenty minutes',
    seen: { session_gateway_app_token_expiry_timestamp_seconds: '1200+0', [failedExchanges]: '0+1' },
    firesAfter: 14,
  },
  {
    alert: 'SessionGatewayTokenNotRenewed',
    what: 'Entra asks for ten minutes between two tries',
    seen: {
      session_gateway_app_token_expiry_timestamp_seconds: '1200+0',
      [failedExchanges]: '_x9 1x9 2x30',
    },
    firesAfter: 14,
  },
  {
    alert: 'SessionGatewayTokenNotRenewed',
    what: 'there has never been a token',
    seen: { session_gateway_app_token_expiry_timestamp_seconds: '0+0', [failedExchanges]: '1+1' },
    firesAfter: 1,
  },
  {
    alert: 'SessionGatewayTokenNotRenewed',
    what: 'tokens are short, and exchanges succeed',
    seen: { session_gateway_app_token_expiry_timestamp_seconds: '240+60' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayTokenNotRenewed',
    what: 'exchanges fail, and the token has half an hour left',
    seen: { session_gateway_app_token_expiry_timestamp_seconds: '1800+60', [failedExchanges]: '0+1' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayRoleMissing',
    what: 'the token lacks the role',
    seen: { session_gateway_app_token_role_missing: '1+0' },
    firesAfter: 3,
  },
  {
    alert: 'SessionGatewayRoleMissing',
    what: 'the next token has the role',
    seen: { session_gateway_app_token_role_missing: '1 1 0+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayGateShut',
    what: 'Graph throttles all the time',
    seen: { session_gateway_graph_gate_shut_seconds: '30+0' },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayGateShut',
    what: 'Graph takes one question between two waits',
    seen: {
      session_gateway_graph_gate_shut_seconds:
        '30 0 30 30 0 30 30 0 30 30 0 30 30 0 30 30 0 30 30 0 30 30 0 30 30 0 30+0',
    },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayGateShut',
    what: 'Graph throttles now and then',
    seen: { session_gateway_graph_gate_shut_seconds: '0 0 30 0 0 30 0 0 30 0 0 30 0 0 30 0 0 30 0 0+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayHitRateFell',
    what: 'after a day, most hits become misses',
    seen: { [hits]: afterADay(800, 100), [misses]: afterADay(200, 900) },
    firesAfter: 1440 + 35 + 30,
    lasts: 1600,
    step: 5,
  },
  {
    alert: 'SessionGatewayHitRateFell',
    what: 'after a day, a quarter of the hits become misses',
    seen: { [hits]: afterADay(800, 600), [misses]: afterADay(200, 400) },
    firesAfter: undefined,
    lasts: 1600,
    step: 5,
  },
  {
    alert: 'SessionGatewaySharedCacheAway',
    what: 'Redis is gone',
    seen: {
      session_gateway_shared_up: '0+0',
      'session_gateway_shared_asked_total{operation="read",outcome="away"}': '0+100',
    },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewaySharedCacheAway',
    what: 'Redis has never been there',
    seen: {
      session_gateway_shared_up: '0+0',
      'session_gateway_shared_asked_total{operation="read",outcome="answered"}': undefined,
      'session_gateway_shared_trips_total{how="alone"}': '1+10',
    },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewaySharedCacheAway',
    what: 'no shared cache is configured',
    seen: {
      session_gateway_shared_up: '0+0',
      'session_gateway_shared_asked_total{operation="read",outcome="answered"}': undefined,
    },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditBlocked',
    what: 'the sink takes nothing',
    seen: { session_gateway_audit_blocked: '1+0' },
    firesAfter: 1,
  },
  {
    alert: 'SessionGatewayAuditBlocked',
    what: 'the sink is slow for a moment',
    seen: { session_gateway_audit_blocked: '1 0+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditRefused',
    what: 'requests are refused for want of a record, once',
    seen: { session_gateway_audit_refused_total: '0x10 3+0' },
    firesAfter: 11,
  },
  {
    alert: 'SessionGatewayAuditRefused',
    what: 'requests were refused once, long ago',
    seen: { session_gateway_audit_refused_total: '3+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditLost',
    what: 'a record is lost',
    seen: { session_gateway_audit_lost_total: '0x10 1+0' },
    firesAfter: 11,
  },
  {
    alert: 'SessionGatewayAuditLost',
    what: 'a record was lost long ago',
    seen: { session_gateway_audit_lost_total: '1+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditSilent',
    what: 'reads are answered, and nothing is recorded',
    seen: { session_gateway_audit_records_total: '9000000+0' },
    firesAfter: 6,
  },
  {
    alert: 'SessionGatewayAuditSilent',
    what: 'nobody reads',
    seen: {
      [hits]: '5+0',
      [misses]: '5+0',
      [failures]: '0+0',
      [denials]: '0+0',
      session_gateway_audit_records_total: '11+0',
    },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditGap',
    what: 'every second answer has no record',
    seen: { session_gateway_audit_records_total: '1+500' },
    firesAfter: 21,
  },
  {
    alert: 'SessionGatewayAuditGap',
    what: 'records are late by three minutes',
    seen: { session_gateway_audit_records_total: '0 0 0 0+1000' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditGap',
    what: 'the gateway starts again, and counts from nothing',
    seen: {
      [hits]: '90000+800x19 0+800x40',
      [misses]: '0+200x19 0+200x40',
      session_gateway_audit_records_total: '90001+1010x19 1+1010x40',
    },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayAuditGap',
    what: 'the records that lack are those known to be lost',
    seen: { session_gateway_audit_records_total: '1+500', session_gateway_audit_lost_total: '0+510' },
    firesAfter: undefined,
    besides: ['SessionGatewayAuditLost'],
  },
  {
    alert: 'SessionGatewayIssuerKeysStale',
    what: 'keys have not been fetched since the start',
    seen: { [fetchedAt]: '0+0', [failedFetches]: '0+2' },
    firesAfter: 21,
  },
  {
    alert: 'SessionGatewayIssuerKeysStale',
    what: 'keys have never been fetched',
    seen: { [fetchedAt]: undefined, [failedFetches]: '1+2' },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayIssuerKeysStale',
    what: 'every second fetch fails',
    seen: { [failedFetches]: '0+1' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayTokenReviewUnavailable',
    what: 'the API server is away',
    seen: { 'session_gateway_token_reviews_total{issuer="cluster",outcome="unavailable"}': '0+10' },
    firesAfter: 11,
  },
  {
    alert: 'SessionGatewayTokenReviewUnavailable',
    what: 'the API server is away for two minutes',
    seen: { 'session_gateway_token_reviews_total{issuer="cluster",outcome="unavailable"}': '0 10 20 20+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayIdentityCertificateExpiring',
    what: 'the certificate ends in 29 days',
    seen: { [expiryOf('identity.credential')]: `${29 * day}+0` },
    firesAfter: 60,
    lasts: 90,
  },
  {
    alert: 'SessionGatewayIdentityCertificateExpiring',
    what: 'the certificate ends in 31 days',
    seen: { [expiryOf('identity.credential')]: `${31 * day}+0` },
    firesAfter: undefined,
    lasts: 90,
  },
  {
    alert: 'SessionGatewayServingCertificateExpiring',
    what: 'the certificate has ended up with less than 30 days for a day',
    seen: { [expiryOf('server.management.tls')]: `${30 * day - 60}+0` },
    firesAfter: 1440,
    lasts: 1450,
    step: 5,
  },
  {
    alert: 'SessionGatewayServingCertificateExpiring',
    what: 'the certificate is renewed within the hour',
    seen: { [expiryOf('server.tls')]: `${30 * day - 60}+0x12 ${120 * day}+0x300` },
    firesAfter: undefined,
    lasts: 1450,
    step: 5,
  },
  {
    alert: 'SessionGatewayServingCertificateEnding',
    what: 'the certificate ends in three hours',
    seen: { [expiryOf('server.tls')]: `${3 * 3600}+0` },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayServingCertificateEnding',
    what: 'the certificate lives for a day, and has eight hours left',
    seen: { [expiryOf('server.tls')]: `${8 * 3600}+0` },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayReloadFailing',
    what: 'the new files do not work',
    seen: { 'session_gateway_reload_failing{setting="cache.shared.keysFile"}': '1+0' },
    firesAfter: 5,
  },
  {
    alert: 'SessionGatewayReloadFailing',
    what: 'certificate and key come one after the other',
    seen: { 'session_gateway_reload_failing{setting="server.tls"}': '0 1 0+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayClockSkew',
    what: 'the clock is late by two minutes',
    seen: { session_gateway_clock_skew_seconds: '-120+0' },
    firesAfter: 10,
  },
  {
    alert: 'SessionGatewayClockSkew',
    what: 'the clock is ahead by fifty seconds',
    seen: { session_gateway_clock_skew_seconds: '50+0' },
    firesAfter: undefined,
  },
  {
    alert: 'SessionGatewayOverPrivileged',
    what: 'the token has two roles too many',
    seen: { session_gateway_app_token_needless_roles: '2+0' },
    firesAfter: 15,
  },
  {
    alert: 'SessionGatewayOverPrivileged',
    what: 'the role too many is taken away',
    seen: { session_gateway_app_token_needless_roles: '1x10 0+0' },
    firesAfter: undefined,
  },
]
