import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { createStreamSink, SinkFailure } from '../../src/audit/sink.ts'

test('a stream that has failed is gone for good, says always the same, and is not written to again', async () => {
  let writes = 0
  const stream = new Writable({
    write(_chunk, _encoding, done) {
      writes += 1
      done(new Error(`write EPIPE ${writes}`))
    },
    destroy(_error, done) {
      done(null)
    },
  })
  const sink = createStreamSink(stream)
  for (let again = 0; again < 2; again += 1) {
    await assert.rejects(sink.write('a\n'), (error) => {
      return (
        error instanceof SinkFailure &&
        error.isFinal &&
        error.taken === 0 &&
        error.message === 'write EPIPE 1'
      )
    })
  }
  assert.equal(writes, 1)
})

test('a stream that fails between two writes does not end the process', async () => {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
  const sink = createStreamSink(stream)
  stream.emit('error', new Error('read ECONNRESET'))
  await assert.rejects(sink.write('a\n'), (error) => error instanceof SinkFailure && error.isFinal)
})
