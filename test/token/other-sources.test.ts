import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import http, { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { after, beforeEach, test } from 'node:test'
import { listening } from '../outbound/counterpart.ts'
import { failureOf } from './entra.ts'
import { startMachine } from './imds.ts'

const machine = await startMachine()
const { emulator } = machine
const trap = await listening(createServer((_request, response) => void response.end('{}')))
const trapUrl = `http://127.0.0.1:${trap.port}`
after(async () => {
  await trap[Symbol.asyncDispose]()
  await machine[Symbol.asyncDispose]()
})

/** Where this process has connected to. */
const connected: string[] = []
diagnostics.subscribe('net.client.socket', (message) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the channel says so
  const { socket } = message as { socket: Socket }
  socket.once('connect', () => connected.push(`${socket.remoteAddress}:${socket.remotePort}`))
})
beforeEach(() => {
  emulator.reset()
  connected.length = 0
})

async function having(variables: Record<string, string>, run: () => Promise<void>): Promise<void> {
  Object.assign(process.env, variables)
  try {
    await run()
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name]
  }
}

const elsewhere: Readonly<Record<string, Record<string, string>>> = {
  'App Service': { IDENTITY_ENDPOINT: `${trapUrl}/msi/token`, IDENTITY_HEADER: 'canary-of-app-service' },
  'Service Fabric': {
    IDENTITY_ENDPOINT: `${trapUrl}/msi/token`,
    IDENTITY_HEADER: 'canary-of-service-fabric',
    IDENTITY_SERVER_THUMBPRINT: 'thumbprint',
  },
  Arc: { IDENTITY_ENDPOINT: `${trapUrl}/metadata/identity`, IMDS_ENDPOINT: trapUrl },
  'Machine Learning': { MSI_ENDPOINT: `${trapUrl}/msi`, MSI_SECRET: 'canary-of-machine-learning' },
  'Cloud Shell': { MSI_ENDPOINT: `${trapUrl}/msi` },
  'a proxy of pods': { AZURE_POD_IDENTITY_AUTHORITY_HOST: trapUrl },
}

for (const [platform, variables] of Object.entries(elsewhere)) {
  test(`where MSAL would ask ${platform}, nobody is asked, and the operator reads which variable leads there`, async () => {
    await having(variables, async () => {
      for (const assigned of ['system', 'user'] as const) {
        const canary = Object.values(variables).find((value) => value.startsWith('canary')) ?? trapUrl
        const { message } = await failureOf(machine.exchange({ assigned }), canary)
        assert.match(
          message,
          new RegExp(`IMDS only, and the environment has ${Object.keys(variables)[0] ?? ''}`),
        )
      }
    })
    assert.deepEqual(connected, [])
    await machine.exchange()()
  })
}

test('variables that are empty lead nowhere', async () => {
  await having(
    { IDENTITY_ENDPOINT: '', MSI_ENDPOINT: '', AZURE_POD_IDENTITY_AUTHORITY_HOST: '' },
    async () => {
      await machine.exchange()()
    },
  )
})

test('one exchange is one connection to IMDS: no region, no proxy, no discovery', async () => {
  const variables = {
    MSAL_FORCE_REGION: 'westeurope',
    REGION_NAME: 'westeurope',
    AZURE_AUTHORITY_HOST: trapUrl,
    HTTP_PROXY: trapUrl,
    http_proxy: trapUrl,
    HTTPS_PROXY: trapUrl,
    ALL_PROXY: trapUrl,
    NODE_USE_ENV_PROXY: '1',
  }
  const restore = http.setGlobalProxyFromEnv({ http_proxy: trapUrl, https_proxy: trapUrl })
  try {
    await having(variables, async () => {
      await machine.exchange()()
    })
  } finally {
    restore()
  }
  assert.deepEqual(connected, [emulator.imds.url.slice('http://'.length)])
})
