export { formatRecord, type AuditRecord } from './record.ts'
export { createTrail, AuditUnavailable, type Trail, type TrailOptions } from './trail.ts'
