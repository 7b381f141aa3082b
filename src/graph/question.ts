/** One session read, as Graph is asked it. */
export interface SessionQuestion {
  /** The canonical request target. */
  readonly target: string
  /** Lower case. */
  readonly sessionId: string
  readonly select: readonly string[] | null
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
  readonly trip: Trip
}

/** One trip, by the names under which Graph's own logs and Microsoft's support find it. */
export interface Trip {
  /** Ours, fresh for each trip. */
  readonly clientRequestId: string
  /** Graph's. */
  readonly requestId?: string
}
