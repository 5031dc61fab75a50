import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isFault, type Millis } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { ANSWER_TIMEOUT, connectAuthority, SOCKET_PATH_BYTES_MAX } from './authority-socket.ts'

const CERTIFICATE = { certificate: 'AQI=', intermediates: ['Aw=='], root: 'BA==' }

test('a certificate comes with its issuers, whatever the order of the answers', async (context) => {
  const lines: string[] = []
  const client = await clientOf(context, (socket, line) => {
    lines.push(line)
    if (lines.length < 2) return
    for (const asked of lines.toReversed()) socket.write(`${JSON.stringify({ id: idOf(asked), ...CERTIFICATE })}\n`)
  })
  const [first, root] = await Promise.all([client.issue(Uint8Array.of(9), 'endpoint'), client.root()])
  assert.deepEqual(first.certificate, Buffer.from([1, 2]))
  assert.deepEqual(first.intermediates, [Buffer.from([3])])
  assert.deepEqual(root, Buffer.from([4]))
  assert.deepEqual(JSON.parse(lines[0] ?? ''), { id: 1, op: 'issue', purpose: 'endpoint', csr: 'CQ==' })
})

test('a refusal says what the authority said, and the next question is answered', async (context) => {
  const client = await clientOf(context, (socket, line) => {
    const refused = line.includes('endpoint')
    const error = { code: 'ENDPOINT_NAME_REFUSED', message: 'the name is not on the list', remedy: '' }
    socket.write(`${JSON.stringify({ id: idOf(line), ...(refused ? { error } : CERTIFICATE) })}\n`)
  })
  await assert.rejects(client.issue(Uint8Array.of(9), 'endpoint'), /CERTIFICATE_PROVIDER_REFUSED|not on the list/)
  assert.deepEqual(await client.root(), Buffer.from([4]))
})

test('a request that is no good is told apart from what the authority does not sign', async (context) => {
  const client = await clientOf(context, (socket, line) => {
    const error = { code: 'CSR_SIGNATURE_INVALID', message: 'the key did not sign it', remedy: '' }
    socket.write(`${JSON.stringify({ id: idOf(line), error })}\n`)
  })
  await assert.rejects(client.issue(Uint8Array.of(9), 'device'), (error) => {
    assert.ok(isFault(error, 'CERTIFICATE_REQUEST_REFUSED'))
    return error.message === 'the key did not sign it'
  })
})

const UNANSWERED: Readonly<Record<string, (socket: Socket) => void>> = {
  'closes the connection': (socket) => socket.destroy(),
  'answers no JSON': (socket) => socket.write('nonsense\n'),
  'answers another question': (socket) => socket.write(`${JSON.stringify({ id: 7, ...CERTIFICATE })}\n`),
  'leaves the root out': (socket) => socket.write('{"id":1,"intermediates":[]}\n'),
  'sends an endless line': (socket) => socket.write('x'.repeat(70_000)),
}
for (const [what, answer] of Object.entries(UNANSWERED)) {
  test(`an authority that ${what} is unavailable`, async (context) => {
    const client = await clientOf(context, answer)
    await assert.rejects(client.root(), (error) => isFault(error, 'CERTIFICATE_PROVIDER_UNAVAILABLE'))
  })
}

test('an authority that never answers is given up in time, and every later question with it', async (context) => {
  const waits: { delay: Millis; task: () => void }[] = []
  const timers = {
    after: (delay: Millis, task: () => void) => {
      waits.push({ delay, task })
      return () => undefined
    },
  }
  const path = await listen(context, () => undefined)
  const client = await connectAuthority(path, timers)
  const asked = client.root()
  assert.deepEqual(
    waits.map(({ delay }) => delay),
    [ANSWER_TIMEOUT],
  )
  waits[0]?.task()
  await assert.rejects(asked, /no answer within 30 s/)
  await assert.rejects(client.root(), /no answer within 30 s/)
})

test('a path that nobody listens on, or that is too long, is said to be so', async (context) => {
  const folder = await scratchFolder(context)
  await assert.rejects(connectAuthority(join(folder, 'nobody.sock')), (error) =>
    isFault(error, 'CERTIFICATE_PROVIDER_UNAVAILABLE'),
  )
  const long = join(folder, 'x'.repeat(SOCKET_PATH_BYTES_MAX))
  await assert.rejects(connectAuthority(long), (error) => isFault(error, 'SOCKET_PATH_TOO_LONG'))
})

test('arbitrary bytes for an answer give a certificate or a declared fault, nothing else', async (context) => {
  let answer: Uint8Array = new Uint8Array()
  const path = await listen(context, (socket) => {
    socket.end(answer)
  })
  const line = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.json().map((text) => Buffer.from(`${text}\n`)),
    fc
      .dictionary(fc.constantFrom('id', 'root', 'error', 'intermediates'), fc.anything(), { maxKeys: 4 })
      .map((value) =>
        Buffer.from(
          `${JSON.stringify({ id: 1, ...value }, (_key, part: unknown) => (typeof part === 'bigint' ? 0 : part))}\n`,
        ),
      ),
  )
  await fc.assert(
    fc.asyncProperty(line, async (bytes) => {
      answer = bytes
      const client = await connectAuthority(path)
      try {
        assert.ok((await client.root()) instanceof Uint8Array)
      } catch (error) {
        assert.ok(isFault(error), String(error))
      } finally {
        client.close()
      }
    }),
    { numRuns: 100 },
  )
})

async function clientOf(
  context: TestContext,
  answer: (socket: Socket, line: string) => void,
): Promise<Awaited<ReturnType<typeof connectAuthority>>> {
  const client = await connectAuthority(await listen(context, answer))
  context.after(() => client.close())
  return client
}

/** Listens as an authority would, and hands over each line. */
async function listen(context: TestContext, answer: (socket: Socket, line: string) => void): Promise<string> {
  const path = join(await scratchFolder(context), 'a.sock')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.setEncoding('utf8')
    let text = ''
    socket.on('data', (chunk: string) => {
      const parts = (text + chunk).split('\n')
      text = parts.pop() ?? ''
      for (const line of parts) answer(socket, line)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(path, resolve)
  })
  context.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return path
}

function idOf(line: string): unknown {
  const value: unknown = JSON.parse(line)
  return typeof value === 'object' && value !== null && 'id' in value ? value.id : undefined
}
