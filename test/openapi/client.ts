/** A client that knows nothing but the document: it makes requests by it, and holds each answer against it. */

import assert from 'node:assert/strict'
import type { Asking, Reply, World } from '../world/world.ts'
import { sendRaw } from '../world/raw.ts'
import { readAnswers } from '../security/wire.ts'
import { type Answered, Described, type Operation, type Parameter } from './document.ts'

export type Arguments = Readonly<Record<string, unknown>>

export interface Call {
  /** By the names of the operation's parameters. */
  readonly args?: Arguments
  /** Whose; `null`: nobody's. */
  readonly as?: string | null
  /** They are not what the document takes. */
  readonly areWrong?: boolean
  /** Behind the path. */
  readonly suffix?: string
}

/** What has been met: `operationId status`, and `status code`. */
export interface Met {
  readonly answers: Set<string>
  readonly codes: Set<string>
}

export class Client {
  readonly described: Described
  readonly met: Met
  readonly #world: World

  private constructor(world: World, described: Described, met: Met) {
    this.#world = world
    this.described = described
    this.met = met
  }

  /** @param met is added to */
  static async of(world: World, met: Met): Promise<Client> {
    return new Client(world, new Described((await world.manage('/openapi.json')).json), met)
  }

  operation(id: string): Operation {
    const found = this.described.operations.get(id)
    assert.ok(found, `${id} is no operation`)
    return found
  }

  async call(id: string, call: Call = {}): Promise<Reply> {
    const operation = this.operation(id)
    const { target, headers } = this.#request(operation, call)
    const asking: Asking = { method: operation.method, headers, token: await this.#token(operation, call) }
    const reply = await this.#ask(operation.isOfCallersPort, target, asking)
    this.#hold(operation, reply, operation.method === 'HEAD')
    return reply
  }

  /** As `call`, with headers that no HTTP client would send. */
  async callRaw(id: string, lines: string, call: Call = {}): Promise<Answered> {
    const operation = this.operation(id)
    const { target } = this.#request(operation, call)
    const token = await this.#token(operation, call)
    const bearer = token === null ? '' : `Authorization: Bearer ${token}\r\n`
    const { port, ca, gateway } = this.#world
    const to = operation.isOfCallersPort ? { port, ca } : { port: gateway.managementAddress.port }
    const { text } = await sendRaw(`${operation.method} ${target} HTTP/1.1\r\n${bearer}${lines}\r\n`, to)
    // What the parser refuses has no method yet, and is answered with a body.
    const isHead = operation.method === 'HEAD' && !/\r\n\r\n./.test(text)
    const [answer] = readAnswers(text, isHead)
    assert.ok(answer, `no answer to ${lines.slice(0, 100)}`)
    this.#hold(operation, answer, isHead)
    return answer
  }

  #ask(isOfCallersPort: boolean, target: string, asking: Asking): Promise<Reply> {
    return isOfCallersPort ? this.#world.ask(target, asking) : this.#world.manage(target, asking)
  }

  async #token({ security }: Operation, { as = 'triage' }: Call): Promise<string | null> {
    return security.length === 0 || as === null ? null : this.#world.workloadToken(as)
  }

  #request({ path, parameters }: Operation, call: Call): { target: string; headers: Record<string, string> } {
    const { args = {}, areWrong = false, suffix = '' } = call
    const isKnown = (name: string): boolean => parameters.some((each) => each.name === name)
    assert.deepEqual(
      Object.keys(args).filter((name) => !isKnown(name)),
      [],
    )
    const given = parameters.filter(({ name }) => args[name] !== undefined)
    const faults = parameters.flatMap(({ name, required = false, schema }) => {
      if (args[name] === undefined) return required ? [`${name} is missing`] : []
      return this.described.faultOf(args[name], schema) ?? []
    })
    assert.equal(faults.length > 0, areWrong, faults.join())
    const at = (place: Parameter['in']): [string, string][] =>
      given.filter((each) => each.in === place).map((each) => [each.name, written(args[each.name], each)])
    const filled = at('path').reduce(
      (so, [name, value]) => so.replace(`{${name}}`, encodeURIComponent(value)),
      path,
    )
    const query = at('query').map(([name, value]) => `${name}=${value}`)
    return {
      target: `${filled}${suffix}${query.length === 0 ? '' : `?${query.join('&')}`}`,
      headers: Object.fromEntries(at('header')),
    }
  }

  #hold({ operationId, responses }: Operation, answer: Answered, isHead: boolean): void {
    const described = responses[answer.status]
    assert.ok(described, `${operationId} answers ${answer.status}, which is not described`)
    this.described.assertDescribes(described, answer, isHead)
    this.met.answers.add(`${operationId} ${answer.status}`)
    this.#meet(answer)
  }

  #meet({ status, headers, body }: Answered): void {
    // Graph's own are no codes of ours.
    const isGraphs = (status === 404 || status === 410) && headers['proxy-status'] === undefined
    if (status < 400 || isGraphs || body === '') return
    const { error }: { readonly error?: { readonly code?: string } } = JSON.parse(body)
    if (error?.code !== undefined) this.met.codes.add(`${status} ${error.code}`)
  }
}

/** RFC 6570's simple and form styles, as far as the document has them. */
function written(value: unknown, { in: place, style, explode }: Parameter): string {
  if (Array.isArray(value)) {
    assert.deepEqual([style, explode], ['form', false])
    return value.map((each) => encodeURIComponent(String(each))).join(',')
  }
  return place === 'query' ? encodeURIComponent(String(value)) : String(value)
}
