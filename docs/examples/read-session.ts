// Reads one session through the gateway with Microsoft's Graph client:
//   npm install @microsoft/microsoft-graph-client
//   NODE_EXTRA_CA_CERTS=/etc/gateway/ca.crt GATEWAY_URL=https://session-gateway.soc.svc node read-session.ts SESSION
import { readFile } from 'node:fs/promises'
import { Client } from '@microsoft/microsoft-graph-client'

const gateway = new URL(process.env['GATEWAY_URL'] ?? 'https://session-gateway.soc.svc')
const tokenFile = process.env['GATEWAY_TOKEN_FILE'] ?? '/var/run/secrets/session-gateway/token'

const graph = Client.initWithMiddleware({
  baseUrl: gateway.origin,
  // Without it the client sends no token to a host that is not Microsoft's.
  customHosts: new Set([gateway.hostname]),
  defaultVersion: 'beta',
  // Asked for each call: the kubelet renews the file.
  authProvider: { getAccessToken: async () => (await readFile(tokenFile, 'utf8')).trim() },
})

// The client tries 429, 503 and 504 again by itself, after Retry-After.
const session = await graph
  .api(`/security/securityCopilot/workspaces/default/sessions/${process.argv[2]}`)
  .select(['id', 'displayName'])
  .get()
process.stdout.write(`${session.displayName}\n`)
