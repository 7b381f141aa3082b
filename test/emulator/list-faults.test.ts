import assert from 'node:assert/strict'
import { test } from 'node:test'
import { request } from 'undici'
import { emulatorAndClient, sessionPath } from './client.ts'

const listPath = '/beta/security/securityCopilot/workspaces/default/sessions'

test('an answer may drip in many bytes at a time, chunked as it would be', async () => {
  await using client = await emulatorAndClient()
  client.emulator.fail('graph', { kind: 'drip', everyMs: 0, bytes: 100 })
  const { json, headers } = await client.graph(listPath)
  assert.deepEqual([json.value.length, headers['transfer-encoding']], [2, 'chunked'])
  assert.throws(() => client.emulator.fail('graph', { kind: 'drip', everyMs: 0, bytes: 0 }), TypeError)
})

for (const isChunked of [false, true]) {
  test(`a list is cut in the middle, ${isChunked ? 'before its last chunk' : 'short of its Content-Length'}`, async () => {
    await using client = await emulatorAndClient()
    const whole = (await client.graph(listPath)).body
    client.emulator.fail('graph', { kind: 'truncate', isChunked })
    const { headers, body } = await request(client.emulator.url + listPath, {
      dispatcher: client.agent,
      headers: { authorization: `Bearer ${await client.appToken()}` },
    })
    assert.equal(headers['content-length'], isChunked ? undefined : `${Buffer.byteLength(whole)}`)
    let received = ''
    await assert.rejects(
      async () => {
        for await (const piece of body) received += String(piece)
      },
      { code: 'UND_ERR_SOCKET' },
    )
    assert.ok(received.length > 0 && received.length < whole.length, `${received.length}`)
    assert.ok(whole.startsWith(received))
  })
}

test("another session's id, or one property more, is a session's matter: the rest stays as it is", async () => {
  await using client = await emulatorAndClient()
  const promptPath = `${sessionPath}/prompts/76a9b8c6-6656-4ef4-a4c7-7ed07fb93e01?$select=content`
  for (const path of [listPath, promptPath]) {
    const { body } = await client.graph(path)
    for (const kind of ['otherId', 'extra'] as const) {
      client.emulator.fail('graph', { kind })
      assert.equal((await client.graph(path)).body, body)
    }
  }
})

test('anything at all may come chunked, as Graph would send it', async () => {
  await using client = await emulatorAndClient()
  const body = Buffer.from('{"value":[]}')
  client.emulator.fail('graph', { kind: 'body', status: 200, headers: {}, body, isChunked: true }, 2)
  for (const _ of [1, 2]) {
    const reply = await client.graph(listPath)
    assert.deepEqual([reply.headers['transfer-encoding'], reply.body], ['chunked', '{"value":[]}'])
  }
})
