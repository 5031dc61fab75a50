import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { isFault, type Log, silentLog } from '@birthmark/foundation/kernel'
import { listen } from './listen.ts'

const AT = { address: '127.0.0.1', port: 0, option: '--control-port' }

test('a connection that cannot be accepted is logged and ends nothing', async (context) => {
  const events: string[] = []
  const log: Log = { write: (level, event) => events.push(`${level} ${event}`) }
  const server = newServer(context)
  await listen(server, AT, log)
  // What Node emits when the process is out of file descriptors.
  server.emit('error', new Error('accept EMFILE'))
  assert.deepEqual([server.listening, events], [true, ['error server.accept-failed']])
})

test('a port that is in use is refused by name', async (context) => {
  const port = await listen(newServer(context), AT, silentLog)
  await assert.rejects(listen(newServer(context), { ...AT, port }, silentLog), (error) => isFault(error, 'PORT_IN_USE'))
})

function newServer(context: TestContext): ReturnType<typeof createServer> {
  const server = createServer()
  context.after(() => server.close())
  return server
}
