/**
 * JSON from somebody else: believed to be nothing until it has been looked at.
 *
 * @module
 */

const utf8 = new TextDecoder('utf-8', { fatal: true })

export type JsonObject = Readonly<Record<string, unknown>>

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The object that these bytes are; `undefined` when they are not valid UTF-8, not JSON, or not an object. */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(utf8.decode(bytes))
    return isJsonObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}
