/**
 * Who we are to Redis.
 *
 * @module
 */

import { readRegular } from '../regular-file.ts'
import { SharedFailure, told } from './failure.ts'

export interface Login {
  readonly username: string
  readonly password: string
}

/** Tokens that take the place of a password for as long as they live. */
export interface LoginTokens {
  /** One that may be used now. */
  get(): Promise<Login>
  /**
   * Tells each new one, well before the one before it ends.
   *
   * @returns ends it
   */
  subscribe(listener: (token: Login) => void): () => void
}

export type Credentials =
  | { readonly type: 'none' }
  /** Read at each connecting, so that a rotated file is used by the next. */
  | { readonly type: 'passwordFile'; readonly username: string; readonly file: string }
  | { readonly type: 'entra'; readonly tokens: LoginTokens }

/** @throws {SharedFailure} there is none to be had now */
export async function loginOf(credentials: Credentials): Promise<Login | undefined> {
  switch (credentials.type) {
    case 'none':
      return undefined
    case 'passwordFile':
      return { username: credentials.username, password: await readPassword(credentials.file) }
    case 'entra':
      return credentials.tokens.get().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error)
        throw new SharedFailure('authentication', `there is no token for Redis: ${told(why)}`)
      })
  }
}

async function readPassword(file: string): Promise<string> {
  const text = await readRegular(file).catch((error: NodeJS.ErrnoException) => {
    const why = error.code ?? 'it is no regular file'
    throw new SharedFailure('authentication', `the password file ${file} cannot be read (${why})`)
  })
  const password = text.replace(/\r?\n$/, '')
  if (password === '' || /[\r\n]/.test(password)) {
    throw new SharedFailure('authentication', `the password file ${file} does not hold one line`)
  }
  return password
}
