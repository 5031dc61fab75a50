import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { readClientHello } from './client-hello.ts'

/** What Node's own client sends first. */
async function helloOf(options: object): Promise<Uint8Array> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const arrived = once(server, 'connection')
  const client = connect({ host: '127.0.0.1', port, ...options })
  client.on('error', () => undefined)
  const [socket] = await arrived
  const [bytes]: readonly unknown[] = await once(socket, 'data')
  client.destroy()
  socket.destroy()
  server.close()
  assert.ok(bytes instanceof Uint8Array)
  return bytes
}

const old = await helloOf({
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-ECDSA-AES128-SHA:AES128-SHA',
  servername: 'press.example.com',
  ALPNProtocols: ['mqtt', 'h2'],
})

test('versions, cipher suites, server name and protocols are read', () => {
  assert.deepEqual(readClientHello(old), {
    versions: ['TLS 1.2'],
    ciphers: ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'TLS_RSA_WITH_AES_128_CBC_SHA'],
    sni: 'press.example.com',
    alpn: ['mqtt', 'h2'],
  })
})

test('a client of TLS 1.3 names its versions in an extension', async () => {
  const hello = readClientHello(await helloOf({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }))
  assert.deepEqual(hello?.versions, ['TLS 1.3', 'TLS 1.2'])
  assert.equal(hello?.sni, undefined)
  assert.deepEqual(hello?.alpn, [])
})

test('what is cut off anywhere is read as far as it goes', () => {
  const whole = readClientHello(old)
  for (let length = 0; length < old.length; length++) {
    const hello = readClientHello(old.subarray(0, length))
    if (hello === undefined) assert.ok(length < 11, `${length} bytes`)
    else assert.deepEqual(hello.ciphers, whole?.ciphers.slice(0, hello.ciphers.length))
  }
})

test('arbitrary bytes never throw, and give nothing but printable text', () => {
  const begin = Buffer.from(old.subarray(0, 44))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, isHello) => {
      const hello = readClientHello(isHello ? Buffer.concat([begin, bytes]) : bytes)
      const texts = [...(hello?.alpn ?? []), ...(hello?.versions ?? []), ...(hello?.ciphers ?? []), hello?.sni ?? '']
      assert.match(texts.join(' '), /^[ -~]*$/)
    }),
  )
})
