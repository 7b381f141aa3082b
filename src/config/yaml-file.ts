/**
 * One file of configuration, read strictly: a YAML 1.2 document that is a map with text for keys.
 *
 * The parser's own messages quote the file, and so might quote a secret; these do not.
 *
 * @module
 */

import { createReadStream } from 'node:fs'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml'
import type { Document, Node, YAMLError, YAMLMap } from 'yaml'
import { unknownKey } from './findings.ts'
import type { Finding } from './findings.ts'
import { formatPath } from './path.ts'
import type { Path } from './path.ts'
import { formatPlace } from './tree.ts'
import type { Branch, Place, Tree } from './tree.ts'

const largestBytes = 2 ** 20
/** Aliases can unfold a small file into a huge one, or into itself. */
const mostNodes = 20_000
const deepest = 32

export interface Layer {
  /** Undefined when the file says nothing that could be checked further. */
  tree?: Branch
  problems: Finding[]
}

/** Never rejects: what cannot be read is a problem. */
export async function readLayer(file: string): Promise<Layer> {
  try {
    return parseLayer(file, await readText(file))
  } catch (error) {
    return { problems: [{ path: '', message: whyUnreadable(error), where: file }] }
  }
}

class Unreadable extends Error {}

async function readText(file: string): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of createReadStream(file)) {
    if (!(chunk instanceof Buffer)) continue
    bytes += chunk.length
    if (bytes > largestBytes) throw new Unreadable('larger than 1 MiB: not a configuration file')
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
  } catch {
    throw new Unreadable('not UTF-8 text')
  }
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Unreadable) return error.message
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  const reasons: Record<string, string> = {
    ENOENT: 'no such file',
    ENOTDIR: 'no such file: a part of the path is not a directory',
    EISDIR: 'a directory, not a file: name each file',
    EACCES: 'may not be read by the user the gateway runs as',
  }
  return reasons[code] ?? `cannot be read (${code})`
}

function parseLayer(file: string, text: string): Layer {
  const lines = new LineCounter()
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'silent',
    resolveKnownTags: false,
  } as const
  const documents = parseAllDocuments(text, options)
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const refuse = (offset: number, message: string): Layer => ({
    problems: [{ path: '', message, where: formatPlace(at(offset)) }],
  })
  const [document, second] = documents
  if (document === undefined) return { problems: [{ path: '', message: 'empty', where: file }] }
  const errors = worthSaying([...document.errors, ...document.warnings])
  if (errors.length > 0) {
    return { problems: errors.flatMap((error) => refuse(error.pos[0], sayError(error)).problems) }
  }
  if (second !== undefined)
    return refuse(second.range[0], 'a second document (---): give each a file of its own')
  if (document.directives.yaml.version !== '1.2')
    return refuse(0, 'only YAML 1.2 is read: remove the directive')
  const { contents } = document
  if (contents === null) return { problems: [{ path: '', message: 'empty', where: file }] }
  if (!isMap(contents)) {
    return refuse(contents.range[0], 'expected a map of sections (server, graph, identity …) at the top')
  }
  return new Reader(document, at).read(contents)
}

/** Every duplicate key, but of syntax errors only the first: the rest are its echoes. */
function worthSaying(errors: YAMLError[]): YAMLError[] {
  const first = errors.find(({ code }) => code !== 'DUPLICATE_KEY')
  return errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === first)
}

function sayError({ code }: YAMLError): string {
  const messages: Partial<Record<YAMLError['code'], string>> = {
    DUPLICATE_KEY: 'this key stands here twice: keep one',
    TAB_AS_INDENT: 'a tab: indent with spaces',
    TAG_RESOLVE_FAILED: 'text that starts with "!" needs quotes (YAML tags are not supported)',
    BAD_SCALAR_START: 'text that starts with this character needs quotes',
    MISSING_CHAR: 'a quote, bracket or colon is missing',
    BAD_DIRECTIVE: 'YAML directives are not supported: remove the line that starts with "%"',
    RESOURCE_EXHAUSTION: 'nested too deeply',
  }
  return `not valid YAML: ${messages[code] ?? code.toLowerCase().replaceAll('_', ' ')}`
}

/** Turns YAML nodes into a {@link Tree}, collecting every problem on the way. */
class Reader {
  readonly #problems: Finding[] = []
  readonly #document: Document.Parsed
  readonly #at: (offset: number) => Place
  #nodes = 0

  constructor(document: Document.Parsed, at: (offset: number) => Place) {
    this.#document = document
    this.#at = at
  }

  read(root: YAMLMap): Layer {
    try {
      return { tree: this.#map(root, [], this.#at(0)), problems: this.#problems }
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      return {
        problems: [...this.#problems, { path: '', message: error.message, where: this.#whereOf(root) }],
      }
    }
  }

  #map(node: YAMLMap, path: Path, at: Place): Branch {
    const entries = new Map<string, Tree>()
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? key.value : undefined
      const whereKey = isNode(key) ? this.#placeOf(key) : at
      if (typeof name !== 'string') {
        this.#refuse(path, 'a key must be text: put it in quotes', whereKey)
      } else if (['__proto__', 'constructor', 'prototype'].includes(name)) {
        this.#refuse([...path, name], unknownKey(name, []), whereKey)
      } else {
        entries.set(name, this.#tree(value, [...path, name], whereKey))
      }
    }
    return { kind: 'map', at, entries }
  }

  #tree(node: unknown, path: Path, at: Place): Tree {
    this.#nodes += 1
    if (this.#nodes > mostNodes || path.length > deepest) {
      throw new Unreadable('too large or too deeply nested once its aliases are followed')
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target !== undefined) return this.#tree(target, path, at)
      this.#refuse(path, 'text that starts with "*" needs quotes (or: an alias without its anchor)', at)
    }
    if (isMap(node)) return this.#map(node, path, at)
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        this.#tree(item, [...path, index], isNode(item) ? this.#placeOf(item) : at),
      )
      return { kind: 'list', at, items }
    }
    const value = isScalar(node) ? node.value : null
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    return { kind: 'leaf', at, value: isPlain ? value : null }
  }

  #refuse(path: Path, message: string, at: Place): void {
    this.#problems.push({ path: formatPath(path), message, where: formatPlace(at) })
  }

  #placeOf(node: Node): Place {
    return this.#at(node.range?.[0] ?? 0)
  }

  #whereOf(node: Node): string {
    return formatPlace(this.#placeOf(node))
  }
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isAlias(value) || isMap(value) || isSeq(value)
}
