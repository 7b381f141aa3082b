/** Loaded into the program with `--import`: makes faults of a kind that nothing in it catches. */

process.on('SIGUSR2', () => {
  throw new Error('thrown by nobody in particular')
})

process.on('SIGWINCH', () => {
  void Promise.reject(new Error('rejected by nobody in particular'))
})

// At the start itself: as soon as somebody listens for faults, and long before the gateway listens for callers.
if (process.env['FAULT_AT_START'] !== undefined) {
  process.on('newListener', (event) => {
    if (event !== 'uncaughtException') return
    setImmediate(() => {
      throw new Error('thrown at the start')
    })
  })
}
