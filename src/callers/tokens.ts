/**
 * What is kept about tokens for a while: by the token itself, for a digest of each would cost more than all else that is
 * done for a caller who is known.
 *
 * @module
 */

import { LRUCache } from 'lru-cache'

const most = 10_000
/** Of the tokens, in all. */
const mostLength = 32 * 1024 * 1024

export function createTokenMemory<T extends object>(): LRUCache<string, T> {
  return new LRUCache({ max: most, maxSize: mostLength, sizeCalculation: (_kept, token) => token.length })
}
