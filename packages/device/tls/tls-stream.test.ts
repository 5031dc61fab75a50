import assert from 'node:assert/strict'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { suite, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { concat, isFault } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import type { TlsClientOptions } from './options.ts'
import { privateKey } from './testing/conversation.ts'
import { connectDevice, issue, startNodeServer } from './testing/node-server.ts'
import { ScriptedServer12 } from './testing/scripted-server.ts'
import type { TlsStream } from './tls-stream.ts'
import type { TlsVersion } from './version.ts'

const issued = await issue()
const VERSIONS: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3']
const MANY_BYTES = randomFillSync(new Uint8Array(4_000_000))

/** A device and Node's server, connected. */
interface Pair {
  readonly stream: TlsStream
  readonly socket: TLSSocket
  readonly transport: Socket
}

async function connectedPair(
  context: TestContext,
  version: TlsVersion,
  change: Pick<TlsClientOptions, 'recordsPerKeyMax'> = {},
): Promise<Pair> {
  const server = await startNodeServer(context, issued, { minVersion: version, maxVersion: version })
  const transport = connect(server.port, '127.0.0.1')
  const accepted = server.accept()
  const stream = await connectDevice(issued, server.port, { transport, ...change })
  context.after(() => stream.destroy())
  return { stream, socket: await accepted, transport }
}

for (const version of VERSIONS) {
  suite(`${version}, data:`, () => {
    test('much of it goes to the server', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      stream.end(MANY_BYTES)
      assert.equal(await digestOf(socket), digest(MANY_BYTES))
    })

    test('much of it comes from the server', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      socket.end(MANY_BYTES)
      assert.equal(await digestOf(stream), digest(MANY_BYTES))
    })

    test('much of it goes both ways at once', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      socket.pipe(socket)
      stream.end(MANY_BYTES)
      assert.equal(await digestOf(stream), digest(MANY_BYTES))
    })

    test('many small writes arrive in order', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      const words = Array.from({ length: 5000 }, (_, index) => `${index} `)
      for (const word of words) stream.write(word)
      stream.end()
      assert.equal(await digestOf(socket), digest(Buffer.from(words.join(''))))
    })

    test('what is written while data is delivered keeps its place', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      stream.on('data', (chunk: Buffer) => stream.write(chunk))
      stream.on('end', () => stream.end())
      socket.cork()
      const words = Array.from({ length: 500 }, (_, index) => `${index} `)
      for (const word of words) socket.write(word)
      socket.uncork()
      let echo = ''
      while (echo.length < words.join('').length) {
        const [chunk] = (await once(socket, 'data')) as [Buffer]
        echo += chunk.toString()
      }
      assert.equal(echo, words.join(''))
    })

    test('a reader that does not read holds the server back', async (context) => {
      const { stream, socket, transport } = await connectedPair(context, version)
      socket.end(MANY_BYTES)
      while (!transport.isPaused()) await nextTurn()
      // What one chunk of the transport brought may wait, not more.
      assert.ok(stream.readableLength <= stream.readableHighWaterMark + CHUNK_BYTES_MAX, `${stream.readableLength}`)
      assert.equal(await digestOf(stream), digest(MANY_BYTES))
    })

    test('a server that does not read holds the writer back', async (context) => {
      const { stream, socket, transport } = await connectedPair(context, version)
      const chunk = new Uint8Array(16_384)
      let written = 0
      while (!transport.writableNeedDrain) {
        written += chunk.length
        if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), nextTurn()])
      }
      for (let index = 0; index < 3; index += 1) stream.write(chunk)
      await nextTurn()
      assert.ok(stream.writableLength > 0, 'the last writes wait')
      stream.end()
      let received = 0
      for await (const bytes of socket) received += (bytes as Buffer).length
      assert.equal(received, written + 3 * chunk.length)
    })
  })

  suite(`${version}, the end:`, () => {
    test('this side first', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      stream.end('bye')
      assert.equal(await textOf(socket), 'bye')
      assert.equal(await textOf(stream), '')
      assert.deepEqual([stream.errored, stream.destroyed], [null, true])
    })

    test('the server first', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      socket.end('bye')
      assert.equal(await textOf(stream), 'bye')
      assert.equal(stream.errored, null)
      socket.resume()
      const [hadError] = await once(socket, 'close')
      assert.equal(hadError, false)
    })

    test('the server without close_notify', async (context) => {
      const { stream, socket } = await connectedPair(context, version)
      socket.write('half a mess')
      await once(stream, 'data')
      socket.destroy()
      const [error] = await once(stream, 'error')
      assert.ok(isFault(error, 'TLS_TRUNCATED'), String(error))
    })

    test('the transport fails', async (context) => {
      const { stream, transport } = await connectedPair(context, version)
      transport.destroy(new Error('read ECONNRESET'))
      const [error] = await once(stream, 'error')
      assert.ok(isFault(error, 'TLS_TRANSPORT_FAILED'), String(error))
    })

    test('destroyed by this side, the transport goes too', async (context) => {
      const { stream, socket, transport } = await connectedPair(context, version)
      socket.resume()
      stream.destroy()
      await once(socket, 'close')
      assert.equal(transport.destroyed, true)
    })

    test('a write that cannot leave any more learns why', async (context) => {
      const { stream, transport } = await connectedPair(context, version)
      while (!transport.writableNeedDrain) {
        stream.write(new Uint8Array(65_536))
        await nextTurn()
      }
      const written = new Promise((resolve) => stream.write('x', resolve))
      const error = once(stream, 'error')
      transport.destroy(new Error('read ECONNRESET'))
      assert.ok(isFault(await written, 'TLS_TRANSPORT_FAILED'))
      await error
    })
  })
}

test('TLSv1.3: the key changes as often as the limit says', async (context) => {
  const { stream, socket } = await connectedPair(context, 'TLSv1.3', { recordsPerKeyMax: 3 })
  socket.pipe(socket)
  stream.end(MANY_BYTES)
  assert.equal(await digestOf(stream), digest(MANY_BYTES))
})

test('TLSv1.2: nothing can be written once the server has closed', async (context) => {
  const { stream, socket } = await connectedPair(context, 'TLSv1.2')
  socket.end()
  await once(stream, 'readable')
  const failure = once(stream, 'error')
  stream.write('too late')
  const [error] = await failure
  assert.ok(isFault(error, 'TLS_PEER_CLOSED'), String(error))
})

test('an alert right behind the handshake reaches whoever awaited it', async () => {
  const [near, far] = duplexPair()
  const certificates = issued.server.certificates.map(({ der }) => der)
  const setup = { certificates, key: privateKey(issued.server), entropy: systemEntropy, script: {} }
  const server = new ScriptedServer12(setup)
  far.on('data', (bytes: Uint8Array) => {
    const answer = server.receive(bytes)
    const isOver = server.heard.includes('finished')
    far.write(isOver ? concat(answer, server.send('alert', Uint8Array.of(2, 49))) : answer)
  })
  const stream = await connectDevice(issued, 0, { transport: near, versions: ['TLSv1.2'] })
  const [error] = await once(stream, 'error')
  assert.ok(isFault(error, 'TLS_CLIENT_CERTIFICATE_REFUSED'), String(error))
})

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function digestOf(readable: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of readable) hash.update(chunk)
  return hash.digest('hex')
}

async function textOf(readable: AsyncIterable<Uint8Array>): Promise<string> {
  let text = ''
  for await (const chunk of readable) text += Buffer.from(chunk).toString()
  return text
}

/** Most bytes that a socket hands over at once. */
const CHUNK_BYTES_MAX = 65_536
