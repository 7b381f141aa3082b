/**
 * Of undici what is used here. Its index loads fetch, WebSockets, caches and mocks as well, which a start would wait for.
 *
 * @module
 */

import type * as undici from 'undici'
// @ts-expect-error -- only the index has types
import agent from 'undici/lib/dispatcher/agent.js'
// @ts-expect-error -- only the index has types
import connect from 'undici/lib/core/connect.js'
// @ts-expect-error -- only the index has types
import undiciErrors from 'undici/lib/core/errors.js'

export const Agent: typeof undici.Agent = agent
export const buildConnector: typeof undici.buildConnector = connect
export const errors: typeof undici.errors = undiciErrors
