/**
 * What can be refused where: one of each error, so that codes, statuses and what comes with them are the code's own.
 *
 * @module
 */

import { AccessDenied, RateExceeded } from '../../access/index.ts'
import { AuditUnavailable } from '../../audit/index.ts'
import { NotCached, PurgeNotShared } from '../../cache/index.ts'
import { IssuerUnavailable, TokenReviewUnavailable, Unauthenticated } from '../../callers/index.ts'
import type { GatewayError } from '../../errors.ts'
import {
  GraphAnswerInvalid,
  GraphBusy,
  GraphFailed,
  GraphRefused,
  GraphRejectedQuery,
  GraphThrottled,
  GraphTimedOut,
  TokenUnavailable,
} from '../../graph/index.ts'
import { InvalidRequest, UnknownPurge, UnknownResource } from '../../session/index.ts'
import { ExpectationFailed, InternalError, Overloaded } from '../errors.ts'
import { parserAnswers } from '../server.ts'

export type Refusal = Pick<
  GatewayError,
  'code' | 'status' | 'message' | 'proxyError' | 'retryAfterMs' | 'backOffMs'
>

const someMs = 1_000

/** Of requests that were read, on both ports. */
const anywhere: readonly Refusal[] = [
  new InvalidRequest('The request is malformed, or asks for what is not offered. The message says what is.'),
  new Unauthenticated(''),
  new AccessDenied('No access rule allows you this.'),
  new RateExceeded('', someMs),
  new InternalError(undefined),
  new IssuerUnavailable(''),
  new TokenReviewUnavailable(''),
  new AuditUnavailable(''),
]

const unparsable: readonly Refusal[] = Object.values(parserAnswers).map(([status, message]) => ({
  code: 'invalidRequest',
  status,
  message,
  proxyError: 'http_request_error',
  retryAfterMs: undefined,
  backOffMs: undefined,
}))

export const ofReads: readonly Refusal[] = [
  ...anywhere,
  ...unparsable,
  new ExpectationFailed(),
  new Overloaded(someMs),
  new GraphRefused('', 403),
  new GraphAnswerInvalid(''),
  new GraphFailed('http_request_error', ''),
  new GraphThrottled(someMs, ''),
  new GraphBusy(''),
  new TokenUnavailable(someMs, ''),
  new GraphTimedOut(''),
  new NotCached(),
]

export const ofPassedOn: readonly Refusal[] = [...ofReads, new GraphRejectedQuery('(its own words).', '')]

export const ofPurges: readonly Refusal[] = [...anywhere, new UnknownPurge(), new PurgeNotShared('')]

export const unknownPath: Refusal = new UnknownResource()
