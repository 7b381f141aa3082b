export { createFlood, type Flood } from './flood.ts'
export { createLog, type Log, withoutControls } from './log.ts'
export { createMetrics, type Gauges, type Metrics } from './metrics.ts'
