/**
 * Flights: many callers, one question, one trip.
 *
 * A trip belongs to nobody in particular. Once it is on its way it lands, whoever has left; a caller who leaves takes
 * only their own wait with them. One that has not departed yet is called off when nobody waits for it any more. A trip
 * ends by its own deadline, and whoever joins it joined later, so nobody waits longer than one deadline.
 *
 * A key has one current flight at most. A flight can be detached from its key: whoever waits for it gets what it brings,
 * and whoever comes later starts another.
 *
 * @module
 */

/** What a trip knows of its flight. */
export interface Flight {
  /** Aborts when nobody waits any more; never once it has departed. */
  readonly cancelled: AbortSignal
  /** From here on it flies to its end. */
  departs(): void
  /** Still the one flight of its key: neither detached nor overtaken. */
  readonly isCurrent: boolean
  /** Somebody wants it who lets what it brings be kept. */
  readonly isForKeeping: boolean
}

export interface Passenger {
  /** Aborts when this caller leaves: its wait ends with the signal's reason, and the flight goes on. */
  readonly leaves: AbortSignal
  /** Lets what the flight brings be kept. */
  readonly keeps: boolean
}

export interface Flights<Result> {
  /** Joins the flight for `key`, or starts it. */
  join(key: string, depart: Depart<Result>, passenger: Passenger): Promise<Joined<Result>>
  /** Starts a flight for `key` that takes the place of the current one, if there is one. */
  overtake(key: string, depart: Depart<Result>, passenger: Passenger): Promise<Joined<Result>>
  /** Starts a flight that nobody waits for, and whose answer is kept, unless there is one. */
  send(key: string, depart: Depart<Result>): void
  detach(key: string): void
  /** Detaches every flight whose key begins so. */
  detachAll(prefix: string): void
  readonly inTheAir: number
}

type Depart<Result> = (flight: Flight) => Promise<Result>

export interface Joined<Result> {
  readonly result: Result
  /** Somebody else had started it. */
  readonly isCollapsed: boolean
}

class Flying<Result> implements Flight {
  readonly landing: Promise<Result>
  readonly #cancelling = new AbortController()
  readonly #isCurrent: (flying: Flying<Result>) => boolean
  #waiting = 0
  #hasDeparted = false
  #isForKeeping = false

  constructor(depart: Depart<Result>, isCurrent: (flying: Flying<Result>) => boolean) {
    this.#isCurrent = isCurrent
    this.landing = depart(this)
  }

  get cancelled(): AbortSignal {
    return this.#cancelling.signal
  }

  get isCurrent(): boolean {
    return this.#isCurrent(this)
  }

  departs(): void {
    this.#hasDeparted = true
  }

  get isForKeeping(): boolean {
    return this.#isForKeeping
  }

  enter(keeps: boolean): void {
    this.#waiting += 1
    this.#isForKeeping ||= keeps
  }

  /** @returns whether that calls it off */
  leave(): boolean {
    this.#waiting -= 1
    if (this.#waiting > 0 || this.#hasDeparted) return false
    this.#cancelling.abort()
    return true
  }
}

export function createFlights<Result>(): Flights<Result> {
  const current = new Map<string, Flying<Result>>()
  let inTheAir = 0

  function start(key: string, depart: Depart<Result>): Flying<Result> {
    const flying = new Flying(depart, (one) => current.get(key) === one)
    current.set(key, flying)
    inTheAir += 1
    const land = (): void => {
      inTheAir -= 1
      if (flying.isCurrent) current.delete(key)
    }
    // Everybody may have left: then nobody else is there to hear of its failure.
    flying.landing.then(land, land)
    return flying
  }

  async function board(key: string, flying: Flying<Result>, { leaves, keeps }: Passenger): Promise<Result> {
    flying.enter(keeps)
    try {
      return await unlessLeft(flying.landing, leaves)
    } finally {
      // Whoever comes from now on starts anew, and does not wait for one that will not come.
      if (flying.leave() && flying.isCurrent) current.delete(key)
    }
  }

  return {
    async join(key, depart, passenger) {
      const flying = current.get(key)
      const result = await board(key, flying ?? start(key, depart), passenger)
      return { result, isCollapsed: flying !== undefined }
    },
    async overtake(key, depart, passenger) {
      return { result: await board(key, start(key, depart), passenger), isCollapsed: false }
    },
    send(key, depart) {
      if (!current.has(key)) start(key, depart).enter(true)
    },
    detach: (key) => void current.delete(key),
    detachAll(prefix) {
      for (const key of current.keys()) if (key.startsWith(prefix)) current.delete(key)
    },
    get inTheAir() {
      return inTheAir
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
