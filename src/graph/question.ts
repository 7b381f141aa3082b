/** One session read, as Graph is asked it. */
export interface SessionQuestion {
  /** The canonical request target. */
  readonly target: string
  /** Lower case. */
  readonly sessionId: string
  readonly select: readonly string[] | null
  /** Graph's entity tag of the answer that is held: asks for a new one only if it has changed. */
  readonly validator?: string | undefined
}

/** Between the decision to ask and the asking: so far the trip can be called off. */
export interface Boarding {
  /** Aborts when nobody wants the answer any more; never after `departs`. */
  readonly cancelled: AbortSignal
  /** Whether anybody waits for it, and not only the cache. */
  readonly isAwaited: boolean
  /** How long whoever waits has waited before this, in milliseconds: it is of the same deadline. */
  readonly waitedMs?: number
  /** From here on the trip goes on to its end, whoever leaves. */
  departs(): void
}

/** What a trip to Graph brought home: something that may be said again. */
export interface SessionAnswer {
  /** 200 with a body; 404 and 410 with none. */
  readonly status: 200 | 404 | 410
  /** Graph's own headers that concern the body. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The exact bytes, one character each (latin1). */
  readonly body: string
  /** Graph's `error.code` of a 404 or 410. */
  readonly errorCode?: string
  /** Graph's own entity tag, as it came. */
  readonly validator?: string
  readonly trip: Trip
}

/** What is held still holds. */
export interface SessionUnchanged {
  readonly status: 304
  readonly trip: Trip
}

/** One trip, by the names under which Graph's own logs and Microsoft's support find it. */
export interface Trip {
  /** Ours, fresh for each trip. */
  readonly clientRequestId: string
  /** Graph's. */
  readonly requestId?: string
}
