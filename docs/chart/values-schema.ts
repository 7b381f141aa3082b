/**
 * helm/values.schema.json: the chart's own values, and in `config` the gateway's configuration.
 *
 * Draft-07, since Helm 3 passes over what newer drafts have. Meanings come from the comments of values.yaml.
 *
 * @module
 */

import { jsonSchema } from '../../src/config/json-schema.ts'
import { type DocumentedValue, documentedValues } from './values.ts'

interface Schema {
  type?: string | readonly string[]
  enum?: readonly unknown[]
  pattern?: string
  minimum?: number
  maximum?: number
  properties?: Record<string, Schema>
  additionalProperties?: boolean | Schema
  propertyNames?: Schema
  required?: readonly string[]
  items?: Schema
  anyOf?: readonly Schema[]
  description?: string
  [other: string]: unknown
}

const text: Schema = { type: 'string' }
const flag: Schema = { type: 'boolean' }
const texts: Schema = { type: 'array', items: text }
/** As Kubernetes has it, which checks it, and whose versions differ. */
const anyObject: Schema = { type: 'object' }
const anyObjects: Schema = { type: 'array', items: anyObject }
const stringMap: Schema = { type: 'object', additionalProperties: { type: ['string', 'null'] } }
const port: Schema = { type: 'integer', minimum: 1, maximum: 65_535 }
const duration: Schema = { type: 'string', pattern: '^([0-9]+(ms|s|m|h))+$' }

function count(minimum: number, maximum: number): Schema {
  return { type: 'integer', minimum, maximum }
}

function only(properties: Record<string, Schema>): Schema {
  return { type: 'object', additionalProperties: false, properties }
}

const values: Record<string, Schema> = {
  config: configuration(),
  files: {
    type: 'object',
    propertyNames: { pattern: '^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$' },
    additionalProperties: { type: 'object', minProperties: 1 },
  },
  tls: only({
    secretName: text,
    certManager: only({
      issuerRef: anyObject,
      dnsNames: texts,
      duration,
      renewBefore: duration,
    }),
  }),
  identity: only({
    webhook: flag,
    acceptNodeWideIdentity: flag,
    tokenAudience: { type: 'string', pattern: '^\\S+$' },
    tokenExpirationSeconds: count(600, 86_400),
  }),
  replicas: count(0, 1_000),
  image: only({
    registry: text,
    repository: { type: 'string', pattern: '^[a-z0-9._/-]+$' },
    tag: { type: 'string', pattern: '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$' },
    digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
    pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] },
    pullSecrets: { type: 'array', items: { anyOf: [text, anyObject] } },
  }),
  // The condition by which a chart around this one has it or not; Helm passes it on.
  enabled: flag,
  // A chart around this one puts there what it likes.
  global: {
    type: 'object',
    properties: {
      imageRegistry: text,
      imagePullSecrets: { type: 'array', items: { anyOf: [text, anyObject] } },
    },
  },
  nameOverride: text,
  fullnameOverride: text,
  serviceAccount: only({ create: flag, name: text, annotations: stringMap }),
  service: only({
    type: { enum: ['ClusterIP', 'NodePort', 'LoadBalancer'] },
    port,
    annotations: stringMap,
    ipFamilyPolicy: { enum: ['SingleStack', 'PreferDualStack', 'RequireDualStack'] },
  }),
  httpRoute: only({ enabled: flag, parentRefs: anyObjects, hostnames: texts, annotations: stringMap }),
  ingress: only({
    enabled: flag,
    className: text,
    hosts: texts,
    tlsSecretName: text,
    annotations: stringMap,
  }),
  podDisruptionBudget: only({ enabled: flag }),
  autoscaling: only({
    enabled: flag,
    minReplicas: count(1, 1_000),
    maxReplicas: count(1, 1_000),
    targetCPUUtilizationPercentage: { type: ['integer', 'null'], minimum: 1, maximum: 100 },
    metrics: anyObjects,
  }),
  networkPolicy: only({
    ingress: only({ enabled: flag, from: anyObjects, managementFrom: anyObjects }),
    egress: only({
      enabled: flag,
      httpsPorts: { type: 'array', items: port },
      redisTo: anyObjects,
      proxyTo: anyObjects,
      extra: anyObjects,
    }),
    cilium: only({ enabled: flag, extra: anyObjects }),
  }),
  podMonitor: only({ enabled: flag, interval: duration, labels: stringMap }),
  prometheusRule: only({
    enabled: flag,
    labels: stringMap,
    runbookUrl: { type: 'string', pattern: '^(https?://\\S+)?$' },
  }),
  dashboard: only({ enabled: flag, labels: stringMap, annotations: stringMap }),
  resources: anyObject,
  podSecurityContext: anyObject,
  securityContext: anyObject,
  podLabels: stringMap,
  podAnnotations: stringMap,
  nodeSelector: stringMap,
  tolerations: anyObjects,
  affinity: anyObject,
  topologySpreadConstraints: anyObjects,
  priorityClassName: text,
  env: { type: 'array', items: { type: 'object', required: ['name'] } },
  volumes: { type: 'array', items: { type: 'object', required: ['name'] } },
  volumeMounts: anyObjects,
  tests: only({ serverName: text }),
  extraObjects: { type: 'array', items: { anyOf: [text, anyObject] } },
}

/** @returns whether the value there is the chart's own, and not below one that is Kubernetes' */
export function isOfTheChart([...path]: readonly string[]): boolean {
  let schema: Schema | undefined = only(values)
  for (const key of path) schema = schema?.properties?.[key]
  return schema !== undefined
}

/** @throws values.yaml has a key that stands not here */
export async function valuesSchema(): Promise<Schema> {
  const documented = await documentedValues()
  const described = documented.reduce((schema, value) => describe(schema, value, value.path), only(values))
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart session-gateway',
    ...described,
  }
}

function describe(schema: Schema, { meaning }: DocumentedValue, [key, ...rest]: readonly string[]): Schema {
  if (key === undefined) return meaning === '' ? schema : { description: meaning, ...schema }
  // What is below here is Kubernetes' own.
  if (schema.properties === undefined) return schema
  const inner = schema.properties[key]
  if (inner === undefined) throw new Error(`helm/values.yaml has ${key}, of which its schema knows nothing`)
  return {
    ...schema,
    properties: { ...schema.properties, [key]: describe(inner, { path: [], meaning, written: '' }, rest) },
  }
}

/**
 * The chart fills in what it knows, and says in sentences of its own what is missing. Helm reads patterns as RE2, which knows
 * no \u0000: there the character itself says the same.
 */
function configuration(): Schema {
  const inGo: Schema = JSON.parse(
    JSON.stringify(jsonSchema(), (key, value: unknown) =>
      key === 'pattern' && typeof value === 'string' ? withoutUnicodeEscapes(value) : value,
    ),
  )
  const { title: _, $schema: __, ...schema } = inGo
  delete schema.properties?.['server']?.required
  return schema
}

function withoutUnicodeEscapes(pattern: string): string {
  return pattern.replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
}
