import { once } from 'node:events'
import { connect } from 'node:net'

const withinMs = 500

/** Whether somebody there answers a ping without TLS, be it with an error. Never rejects. */
export async function speaksWithoutTls({ host, port }: { host: string; port: number }): Promise<boolean> {
  const socket = connect({ host, port })
  try {
    socket.end('PING\r\n')
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(withinMs) })
    return /^[+-]/.test(String(answer))
  } catch {
    return false
  } finally {
    socket.on('error', () => {}).destroy()
  }
}
