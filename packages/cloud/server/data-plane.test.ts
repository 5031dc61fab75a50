import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Timers } from '@birthmark/foundation/kernel'
import { createDataPlane } from './data-plane.ts'

test('a request is told that the data plane is not built, and the connection ends', async (context) => {
  const { client } = await connectClient(context)
  client.write('GET /topics/dt HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const answer = await text(client)
  assert.match(answer, /^HTTP\/1\.1 501 /)
  assert.match(answer, /x-amzn-errortype: NotImplementedException\r\n/)
})

test('a request that never ends is cut off', async (context) => {
  const { client, runTimers } = await connectClient(context)
  client.write('GET /topics/dt HTTP/1.1\r\nX-Slow: ')
  runTimers()
  client.resume()
  await once(client, 'close')
})

/** Connects to a data plane whose timers run when the test says so. */
async function connectClient(context: TestContext): Promise<{ client: Socket; runTimers: () => void }> {
  const tasks = new Set<() => void>()
  const timers: Timers = {
    after: (_delay, task) => {
      tasks.add(task)
      return () => void tasks.delete(task)
    },
  }
  const server = createServer(createDataPlane(timers)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(server, 'connection')
  context.after(() => {
    client.destroy()
    server.close()
  })
  return { client, runTimers: () => tasks.forEach((task) => task()) }
}
