/** What OCSF 1.8.0 says of an API Activity event, checked against the copy of its names, types and enums beside this. */

import { readFileSync } from 'node:fs'

interface Attribute {
  readonly type: string
  readonly requirement?: string
  readonly array?: boolean
  readonly enum?: readonly string[]
}

interface Shape {
  readonly attributes: Readonly<Record<string, Attribute>>
  readonly constraints?: { readonly at_least_one?: readonly string[] }
}

interface Schema {
  readonly class: Shape & { readonly class_uid: number; readonly category_uid: number }
  readonly objects: Readonly<Record<string, Shape>>
  readonly types: Readonly<
    Record<string, { type?: string; regex?: string; max_len?: number; range?: number[] }>
  >
  readonly next: { readonly attestation: { readonly attributes: readonly string[] } }
}

const schema: Schema = JSON.parse(readFileSync(new URL('ocsf-1.8.0.json', import.meta.url), 'utf8'))

type Fields = Readonly<Record<string, unknown>>

/** @returns what is wrong, one line a fault */
export function faultsOfEvent(event: Fields): string[] {
  // Not OCSF's: pipelines that filter by level keep the line.
  const { level, ...rest } = event
  const faults = faultsOf(rest, schema.class, 'event')
  if (level !== 'info') faults.push('level: missing')
  const { class_uid, category_uid } = schema.class
  if (rest['class_uid'] !== class_uid || rest['category_uid'] !== category_uid) faults.push('another class')
  if (rest['type_uid'] !== class_uid * 100 + Number(rest['activity_id']))
    faults.push('type_uid: not of this activity')
  if (rest['activity_id'] === 99 && typeof rest['activity_name'] !== 'string')
    faults.push('activity_name: missing')
  const { attestation_list: list = [] } = (rest['unmapped'] ?? {}) as { attestation_list?: Fields[] }
  for (const attestation of list) {
    for (const name of Object.keys(attestation)) {
      if (!schema.next.attestation.attributes.includes(name)) faults.push(`attestation.${name}: unknown`)
    }
    faults.push(
      ...faultsOfValue(attestation['fingerprint'], { type: 'fingerprint' }, 'attestation.fingerprint'),
    )
  }
  return faults
}

function faultsOf(fields: Fields, { attributes, constraints }: Shape, path: string): string[] {
  const faults: string[] = []
  for (const [name, attribute] of Object.entries(attributes)) {
    const value = fields[name]
    if (value === undefined && attribute.requirement === 'required') faults.push(`${path}.${name}: missing`)
    if (value !== undefined) faults.push(...faultsOfValue(value, attribute, `${path}.${name}`))
  }
  for (const name of Object.keys(fields)) if (!(name in attributes)) faults.push(`${path}.${name}: unknown`)
  const { at_least_one: some } = constraints ?? {}
  if (some?.every((name) => fields[name] === undefined) === true)
    faults.push(`${path}: none of ${some.join(', ')}`)
  return faults
}

function faultsOfValue(value: unknown, attribute: Attribute, path: string): string[] {
  const { type, array = false } = attribute
  if (array) {
    if (!Array.isArray(value)) return [`${path}: not a list`]
    return value.flatMap((item, at) => faultsOfValue(item, { ...attribute, array: false }, `${path}[${at}]`))
  }
  if (attribute.enum?.includes(String(value)) === false)
    return [`${path}: ${String(value)} is none of its values`]
  const object = schema.objects[type]
  if (object !== undefined) {
    return typeof value === 'object' && value !== null
      ? faultsOf(value as Fields, object, path)
      : [`${path}: not an object`]
  }
  return fits(value, type) ? [] : [`${path}: ${JSON.stringify(value)} is no ${type}`]
}

function fits(value: unknown, type: string): boolean {
  if (type === 'json_t' || type === 'object') return true
  const { type: base, regex, max_len = Infinity, range } = schema.types[type] ?? {}
  if (base !== undefined && !fits(value, base)) return false
  if (type === 'integer_t' || type === 'long_t') return Number.isSafeInteger(value)
  if (type === 'boolean_t') return typeof value === 'boolean'
  if (range !== undefined) return Number(value) >= (range[0] ?? 0) && Number(value) <= (range[1] ?? 0)
  if (base === 'integer_t' || base === 'long_t') return true
  if (typeof value !== 'string') return false
  return value.length <= max_len && (regex === undefined || new RegExp(regex).test(value))
}
