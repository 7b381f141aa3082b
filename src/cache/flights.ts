/**
 * Flights: many callers, one question, one trip.
 *
 * A trip belongs to nobody in particular. Once it is on its way it lands, whoever has left; a caller who leaves takes
 * only their own wait with them. One that has not departed yet is called off when nobody waits for it any more. A trip
 * ends by its own deadline, and whoever joins it joined later, so nobody waits longer than one deadline; what was
 * spent on waiting for another replica's is of the same one.
 *
 * A key has one current flight at most, which whoever comes joins, unless it began too long ago for them. It can be
 * overtaken: then both land, and what an earlier one brings does not count any more once a later one has landed. And it can
 * be detached: then whoever waits for it gets what it brings, whoever comes later starts another, and for the key it does
 * not count at all.
 *
 * @module
 */

/** What a trip knows of its flight. */
export interface Flight {
  /** Aborts when nobody waits any more; never once it has departed, and never where it was sent. */
  readonly cancelled: AbortSignal
  /** Somebody waits for it. */
  readonly isAwaited: boolean
  /** Since it began, in milliseconds. */
  readonly waitedMs: number
  /** From here on it flies to its end. */
  departs(): void
  /** What it brings counts for its key: it has been neither detached nor called off, and no later flight has landed. */
  readonly counts: boolean
  /** From here on what earlier flights of its key bring counts no more. */
  lands(): void
  /** Somebody wants it who lets what it brings be kept. */
  readonly isForKeeping: boolean
}

export interface Passenger {
  /** Aborts when this caller leaves: its wait ends with the signal's reason, and the flight goes on. */
  readonly leaves: AbortSignal
  /** Lets what the flight brings be kept. */
  readonly keeps: boolean
  /** Joins none that began before. */
  readonly joinsSince?: number
}

export interface Flights<Result> {
  /** Joins the flight for `key`, or starts it: also in the place of one that began too long ago for this passenger. */
  join(key: string, depart: Depart<Result>, passenger: Passenger): Promise<Joined<Result>>
  /** Starts a flight for `key` that takes the place of the current one, if there is one. */
  overtake(key: string, depart: Depart<Result>, passenger: Passenger): Promise<Joined<Result>>
  /** Starts a flight that nobody waits for, unless there is one; in either case what it brings is kept. */
  send(key: string, depart: Depart<Result>): void
  /** Detaches the flights of these keys, those that have been overtaken, too. */
  detach(matches: (key: string) => boolean): void
  readonly inTheAir: number
}

type Depart<Result> = (flight: Flight) => Promise<Result>

export interface Joined<Result> {
  readonly result: Result
  /** Somebody else had started it. */
  readonly isCollapsed: boolean
}

class Flying<Result> implements Flight {
  readonly key: string
  readonly begunAt: number
  readonly landing: Promise<Result>
  readonly #now: () => number
  readonly #cancelling = new AbortController()
  /** All there are, in the order in which they were started. */
  readonly #inTheAir: ReadonlySet<Flying<Result>>
  #waiting = 0
  #hasDeparted = false
  #isForKeeping = false
  #counts = true

  /** @param aboard lets whoever wants it enter, before it departs */
  constructor(
    key: string,
    now: () => number,
    inTheAir: ReadonlySet<Flying<Result>>,
    aboard: (flying: Flying<Result>) => void,
    depart: Depart<Result>,
  ) {
    this.key = key
    this.#now = now
    this.begunAt = now()
    this.#inTheAir = inTheAir
    aboard(this)
    this.landing = depart(this)
  }

  get cancelled(): AbortSignal {
    return this.#cancelling.signal
  }

  get isAwaited(): boolean {
    return this.#waiting > 0
  }

  get waitedMs(): number {
    return this.#now() - this.begunAt
  }

  get isForKeeping(): boolean {
    return this.#isForKeeping
  }

  get counts(): boolean {
    return this.#counts
  }

  departs(): void {
    this.#hasDeparted = true
  }

  lands(): void {
    for (const other of this.#inTheAir) {
      if (other === this) return
      if (other.key === this.key) other.#counts = false
    }
  }

  detach(): void {
    this.#counts = false
  }

  enter(keeps: boolean): void {
    this.#waiting += 1
    this.#isForKeeping ||= keeps
  }

  send(): void {
    this.#hasDeparted = true
    this.#isForKeeping = true
  }

  /** @returns whether that calls it off */
  leave(): boolean {
    this.#waiting -= 1
    if (this.#waiting > 0 || this.#hasDeparted) return false
    this.#counts = false
    this.#cancelling.abort()
    return true
  }
}

/** @param now on the timeline of `joinsSince` */
export function createFlights<Result>(now: () => number): Flights<Result> {
  /** Whom callers join. */
  const current = new Map<string, Flying<Result>>()
  const inTheAir = new Set<Flying<Result>>()

  function start(
    key: string,
    aboard: (flying: Flying<Result>) => void,
    depart: Depart<Result>,
  ): Flying<Result> {
    const flying = new Flying(key, now, inTheAir, aboard, depart)
    current.set(key, flying)
    inTheAir.add(flying)
    const land = (): void => {
      inTheAir.delete(flying)
      close(flying)
    }
    // Everybody may have left: then nobody else is there to hear of its failure.
    flying.landing.then(land, land)
    return flying
  }

  /** Nobody joins it any more. */
  function close(flying: Flying<Result>): void {
    if (current.get(flying.key) === flying) current.delete(flying.key)
  }

  async function stay(flying: Flying<Result>, { leaves }: Passenger): Promise<Result> {
    try {
      return await unlessLeft(flying.landing, leaves)
    } finally {
      // Whoever comes from now on starts anew, and does not wait for one that will not come.
      if (flying.leave()) close(flying)
    }
  }

  return {
    async join(key, depart, passenger) {
      const enter = (flying: Flying<Result>): void => flying.enter(passenger.keeps)
      const found = current.get(key)
      const joined =
        found !== undefined && found.begunAt >= (passenger.joinsSince ?? -Infinity) ? found : undefined
      if (joined !== undefined) enter(joined)
      const result = await stay(joined ?? start(key, enter, depart), passenger)
      return { result, isCollapsed: joined !== undefined }
    },
    async overtake(key, depart, passenger) {
      const flying = start(key, (each) => each.enter(passenger.keeps), depart)
      return { result: await stay(flying, passenger), isCollapsed: false }
    },
    send(key, depart) {
      const joined = current.get(key)
      if (joined === undefined) start(key, (flying) => flying.send(), depart)
      else joined.send()
    },
    detach(matches) {
      for (const flying of inTheAir) {
        if (!matches(flying.key)) continue
        flying.detach()
        close(flying)
      }
    },
    get inTheAir() {
      return inTheAir.size
    },
  }
}

/** The flight's outcome, or a rejection as soon as the caller leaves; leaves nothing behind on either. */
function unlessLeft<T>(flight: Promise<T>, leaves: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const leave = (): void => reject(leaves.reason)
    if (leaves.aborted) return leave()
    leaves.addEventListener('abort', leave, { once: true })
    flight.then(resolve, reject).finally(() => leaves.removeEventListener('abort', leave))
  })
}
