/**
 * App-only tokens as Redis takes them: the object ID of our service principal is the user, the token the password.
 *
 * https://learn.microsoft.com/azure/redis/entra-for-authentication
 *
 * @module
 */

import { messageOf } from '../errors.ts'
import { claimsOf } from './app-token.ts'
import { ExchangeFailed, TokenUnavailable } from './errors.ts'
import type { TokenProvider } from './provider.ts'

export interface RedisLogin {
  readonly username: string
  readonly password: string
}

export interface RedisLogins {
  /** @throws {ExchangeFailed} none can be had just now; the message is for the operator */
  get(): Promise<RedisLogin>
  /**
   * Called with each new one, long before the one before it ends.
   *
   * @returns ends it
   */
  subscribe(listener: (login: RedisLogin) => void): () => void
}

/** @param provider of tokens for `redisResource` */
export function redisLogins(provider: Pick<TokenProvider, 'get' | 'onToken'>): RedisLogins {
  return {
    async get() {
      const token = await provider.get().catch((error: unknown) => {
        const why = error instanceof TokenUnavailable ? error.reason : messageOf(error)
        throw new ExchangeFailed(why ?? '', { cause: error })
      })
      const login = loginBy(token)
      if (login === undefined)
        throw new ExchangeFailed('the token does not say who we are: it has no claim oid')
      return login
    },
    subscribe: (listener) =>
      provider.onToken((token) => {
        const login = loginBy(token)
        if (login !== undefined) listener(login)
      }),
  }
}

function loginBy(token: string): RedisLogin | undefined {
  const { oid } = claimsOf(token)
  return typeof oid === 'string' && oid !== '' ? { username: oid, password: token } : undefined
}
