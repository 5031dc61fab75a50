import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import type { Log, Timers } from '@birthmark/foundation/kernel'
import { Webhook } from './index.ts'

interface Receiver {
  readonly url: string
  readonly got: unknown[]
  readonly until: (count: number) => Promise<void>
}

/** An HTTP server that answers with these statuses in turn, then 200. */
async function receiver(context: TestContext, statuses: readonly number[]): Promise<Receiver> {
  const got: unknown[] = []
  let wake = (): void => undefined
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      got.push(JSON.parse(body))
      response.writeHead(statuses[got.length - 1] ?? 200, { location: 'http://127.0.0.1:1/' }).end()
      wake()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.closeAllConnections())
  context.after(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  return {
    url: `http://127.0.0.1:${port}/alarms`,
    got,
    until: (count) =>
      new Promise((resolve) => {
        wake = () => got.length >= count && resolve()
        wake()
      }),
  }
}

/** Pauses that end at once, noted. */
function eager(pauses: number[]): Timers {
  return {
    after: (delay, task) => {
      pauses.push(delay)
      setImmediate(task)
      return () => undefined
    },
  }
}

function noting(lost: string[]): Log {
  return { write: (_level, event, fields = {}) => lost.push(`${event}: ${String(fields['why'])}`) }
}

test('what is not taken is sent again with growing pauses, and the order stays', async (context) => {
  const { url, got, until } = await receiver(context, [500, 503, 302])
  const pauses: number[] = []
  const lost: string[] = []
  const webhook = new Webhook({ url, timers: eager(pauses), log: noting(lost) })
  context.after(() => webhook.close())
  for (const n of [1, 2]) webhook.send({ n })
  await until(5)
  assert.deepEqual(got, [{ n: 1 }, { n: 1 }, { n: 1 }, { n: 1 }, { n: 2 }])
  assert.deepEqual(pauses, [1000, 2000, 4000])
  assert.deepEqual(lost, [])
})

test('what nobody takes is given up, and what is too much is lost, with a line in the log', async (context) => {
  const { url, got, until } = await receiver(
    context,
    Array.from({ length: 6 }, () => 500),
  )
  const lost: string[] = []
  const webhook = new Webhook({ url, timers: eager([]), log: noting(lost) })
  context.after(() => webhook.close())
  for (let n = 0; n < 300; n += 1) webhook.send({ n })
  await until(6 + 256)
  assert.deepEqual(got.at(6), { n: 1 })
  assert.equal(lost.filter((line) => line === 'abuse.webhook-lost: it answered 500').length, 1)
  assert.equal(lost.filter((line) => line === 'abuse.webhook-lost: too many wait').length, 43)
})

test('an address where nobody listens holds nothing up, and closing ends it', async () => {
  const lost: string[] = []
  const pauses: number[] = []
  const webhook = new Webhook({ url: 'http://127.0.0.1:1/', timers: eager(pauses), log: noting(lost) })
  webhook.send({ n: 1 })
  webhook.close()
  webhook.send({ n: 2 })
  await new Promise((resolve) => void setImmediate(resolve))
  assert.deepEqual(lost, [])
})
