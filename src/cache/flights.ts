/**
 * Flights: many callers, one question, one trip.
 *
 * A trip belongs to nobody in particular. Once it is on its way it lands and is stored, whoever has left; a caller
 * who leaves takes only their own wait with them. A trip ends by its own deadline, and whoever joins it joined later,
 * so nobody waits longer than one deadline.
 *
 * @module
 */

export interface Flights<Result> {
  /**
   * Joins the flight for `key`, or starts it.
   *
   * @param leaves aborts when this caller leaves; rejects with its reason, and the flight goes on
   */
  join(key: string, depart: () => Promise<Result>, leaves: AbortSignal): Promise<Joined<Result>>
  readonly inTheAir: number
}

export interface Joined<Result> {
  readonly result: Result
  /** Somebody else had started it. */
  readonly isCollapsed: boolean
}

export function createFlights<Result>(): Flights<Result> {
  const flights = new Map<string, Promise<Result>>()

  function start(key: string, depart: () => Promise<Result>): Promise<Result> {
    const flight = depart().finally(() => flights.delete(key))
    // Everybody may have left: then nobody is there to hear of its failure.
    flight.catch(() => {})
    flights.set(key, flight)
    return flight
  }

  return {
    async join(key, depart, leaves) {
      const current = flights.get(key)
      const flight = current ?? start(key, depart)
      return { result: await unlessLeft(flight, leaves), isCollapsed: current !== undefined }
    },
    get inTheAir() {
      return flights.size
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
