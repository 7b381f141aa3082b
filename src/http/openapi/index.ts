/**
 * The description of both ports, in OpenAPI 3.1.
 *
 * Made from what the code itself goes by, where it goes by tables: reads and their options, bounds, errors. The rest is
 * held against a running gateway by the tests.
 *
 * @module
 */

import { families } from './answers.ts'
import { graphTypes } from './graph-types.ts'
import { headerComponents } from './headers.ts'
import { managementPaths } from './management.ts'
import { parameterComponents } from './parameters.ts'
import { readPaths } from './reads.ts'

export interface Described {
  /** Of this program. */
  readonly version: string
  /** Where callers find the gateway, as an origin, if that is told. */
  readonly publicUrl: string | undefined
  /** Whether callers speak TLS to us. */
  readonly isSecure: boolean
  /** Property names that `$select` of a session may name. */
  readonly selectable: readonly string[]
}

export function openApiDocument({ version, publicUrl, isSecure, selectable }: Described): object {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Session Gateway',
      version,
      summary: 'Reads of Microsoft Security Copilot, with the identity that a service already has.',
      description: about,
    },
    servers: [serverFor(publicUrl, isSecure)],
    tags,
    paths: { ...readPaths(), ...managementPaths() },
    components: {
      securitySchemes: {
        callerToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'Your own workload token: of an issuer that the gateway trusts, and made for the gateway.',
        },
      },
      parameters: parameterComponents(selectable),
      headers: headerComponents,
      responses: responseComponents(),
      schemas: { error, ...graphTypes },
    },
  }
}

const about = `The bodies of reads are Graph's own, from its beta: they may change, and may have more properties than are named here.

What the operations do not say:

- HEAD answers as GET does, with the status and the headers that are described there, and without the body.
- A path of a read has as many spellings here as it has at Graph: keys may stand in parentheses, as in
  \`workspaces('default')/sessions('…')\`, and its fixed parts have no case. Nor have the names of query options, and
  their \`$\` may be left out.
- A query option of a read that is not named here gets 400 \`invalidRequest\`.
- On the callers’ port, any other method gets 405 \`notAllowed\` with \`Allow: GET, HEAD\`, whatever the path.
- On the callers’ port, a well-formed GET of any other path, by a known caller, gets 404 \`unknownPath\`.
- At \`/cache\` and below, any other method gets 405 \`notAllowed\` with \`Allow: DELETE\`, and a well-formed DELETE of any
  other path, by a known caller, 404 \`unknownPath\`. The fixed parts of these paths have no case.
- On the rest of the management port, any other method or path gets 404 with \`{"error":"…"}\`, and CONNECT no answer.
- What could be read in two ways, having a body, or two \`Host\` or \`Authorization\` headers, gets 400 \`invalidRequest\`
  before anything else is looked at; only the rest of the management port answers as if it had none. Either answer ends
  the connection.
- What cannot be read as HTTP/1.1, as a method that nobody knows, gets 400: \`invalidRequest\` on the callers’ port, where
  even HEAD may get the body, and no body on the management port.`

const tags = [
  {
    name: 'reads',
    description: 'For callers. HEAD answers as GET does, without the body. No request takes a body.',
  },
  {
    name: 'purges',
    description: 'On the management port, for callers whose access rule allows it. No purge takes a query.',
  },
  {
    name: 'management',
    description:
      'On the management port, for probes, Prometheus and operators. HEAD answers as GET does, without the body.',
  },
]

function serverFor(publicUrl: string | undefined, isSecure: boolean): object {
  if (publicUrl !== undefined) return { url: publicUrl, description: 'The callers’ port.' }
  return {
    url: `${isSecure ? 'https' : 'http'}://{gateway}`,
    description: 'The callers’ port (`server.listen`). Set `server.publicUrl`, and it stands here.',
    variables: {
      gateway: { default: 'session-gateway', description: 'The host by which you call it, and its port.' },
    },
  }
}

function responseComponents(): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(families).flatMap(([family, responses]) =>
      Object.entries(responses).map(([status, response]) => [`${family}.${status}`, response]),
    ),
  )
}

const id = { type: 'string' }

/** Graph's error envelope ("Microsoft Graph error responses and resource types"). */
const error = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message', 'innerError'],
      properties: {
        code: { type: 'string', description: 'For programs: what happened.' },
        message: { type: 'string', description: 'For people, and may change.' },
        innerError: {
          type: 'object',
          required: ['date', 'request-id', 'client-request-id'],
          properties: {
            date: {
              type: 'string',
              description: 'UTC, as Graph writes it.',
              examples: ['2026-11-24T02:20:19'],
            },
            'request-id': id,
            'client-request-id': id,
          },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
}
