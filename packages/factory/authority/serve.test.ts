import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { openChainFile } from '@birthmark/factory/ledger'
import { silentLog } from '@birthmark/foundation/kernel'
import {
  type AlternativeName,
  type Certificate,
  createCsr,
  parseCertificate,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import type { Authority } from './authority.ts'
import { openAuthority } from './open.ts'
import { CONNECTION_COUNT_MAX, IN_FLIGHT_COUNT_MAX, serveAuthority } from './serve.ts'
import { parseRequest, REQUEST_LINE_BYTES_MAX } from './socket-protocol.ts'

const key = await SoftwareSigner.generate('ecdsa-p256-sha256')
const deviceCsr = await csrFor([])
const endpointCsr = await csrFor([{ type: 'dns', value: 'iot.example' }])

test('the socket answers as docs/reference/authority-socket.md says', async (t) => {
  const { authority, socketPath } = await served(t)
  const client = await Client.open(t, socketPath)
  const intermediates = [base64(authority.issuing.der)]
  const root = base64(authority.root.der)

  const endpoint = await client.ask({ id: 1, op: 'issue', purpose: 'endpoint', csr: endpointCsr })
  assert.deepEqual(endpoint, { id: 1, certificate: endpoint['certificate'], intermediates, root })
  assert.deepEqual(certificateIn(endpoint).extendedKeyUsage, ['serverAuth'])

  const device = { id: 2, op: 'issue', purpose: 'device', csr: deviceCsr, idempotencyKey: 'a-retry-of-mine' }
  const issued = await client.ask(device)
  assert.deepEqual(certificateIn(issued).extendedKeyUsage, ['clientAuth'])
  assert.deepEqual(await client.ask(device), issued)

  assert.deepEqual(await client.ask({ id: 3, op: 'root' }), { id: 3, intermediates, root })
})

test('a certificate is revoked over the socket, once', async (t) => {
  const { authority, socketPath } = await served(t)
  const client = await Client.open(t, socketPath)
  const issued = certificateIn(await client.ask({ id: 1, op: 'issue', purpose: 'device', csr: deviceCsr }))
  const revoke = { op: 'revoke', serial: issued.serialNumber, reason: 'superseded' }
  assert.deepEqual(await client.ask({ id: 2, ...revoke }), { id: 2, revoked: issued.serialNumber })
  assert.equal(codeIn(await client.ask({ id: 3, ...revoke })), 'CERTIFICATE_REVOKED')
  assert.equal(codeIn(await client.ask({ id: 4, ...revoke, serial: '40' })), 'CERTIFICATE_NOT_OURS')
  assert.deepEqual(
    authority.revoked.map(({ serial, reason }) => [serial, reason]),
    [[issued.serialNumber, 'superseded']],
  )
  assert.equal(codeIn(await client.ask({ id: 5, ...revoke, reason: 'certificateHold' })), 'AUTHORITY_REQUEST_MALFORMED')
})

test('the socket is for one user, from its first moment', async (t) => {
  const { socketPath } = await served(t)
  assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
})

test('a refused request is answered with code, message and remedy, and the connection goes on', async (t) => {
  const { socketPath } = await served(t)
  const client = await Client.open(t, socketPath)
  const csr = base64(Uint8Array.of(1))
  const { error, ...rest } = await client.ask({ id: 7, op: 'issue', purpose: 'endpoint', csr })
  assert.deepEqual(rest, { id: 7 })
  assert.deepEqual(Object.keys(Object(error)), ['code', 'message', 'remedy'])
  assert.equal(codeIn({ error }), 'CSR_UNREADABLE')
  assert.equal(
    codeIn(await client.ask({ id: 7, op: 'issue', purpose: 'endpoint', csr: deviceCsr })),
    'ENDPOINT_NAME_MISSING',
  )
  const other = await csrFor([{ type: 'dns', value: 'db.example' }])
  assert.equal(
    codeIn(await client.ask({ id: 7, op: 'issue', purpose: 'endpoint', csr: other })),
    'ENDPOINT_NAME_REFUSED',
  )
  assert.equal((await client.ask({ id: 8, op: 'root' }))['id'], 8)
})

const MALFORMED: readonly (readonly [why: string, line: string | Uint8Array, id: number | null])[] = [
  ['an empty line', '', null],
  ['no JSON', 'GET / HTTP/1.1', null],
  ['a list', '[]', null],
  ['bytes that are not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), null],
  ['no id', '{"op":"root"}', null],
  ['a negative id', '{"id":-1,"op":"root"}', null],
  ['an id as text', '{"id":"1","op":"root"}', null],
  ['no operation', '{"id":5}', 5],
  ['another operation', '{"id":5,"op":"sign"}', 5],
  ['another purpose', JSON.stringify({ id: 5, op: 'issue', purpose: 'ca', csr: deviceCsr }), 5],
  ['no CSR', '{"id":5,"op":"issue","purpose":"device"}', 5],
  ['a CSR in PEM', '{"id":5,"op":"issue","purpose":"device","csr":"-----BEGIN"}', 5],
  ['an unknown member', '{"id":5,"op":"root","pupose":"device"}', 5],
  ['a prototype', '{"id":5,"op":"root","__proto__":{"csr":""}}', 5],
]
for (const [why, line, id] of MALFORMED) {
  test(`a malformed line is answered and ends the connection, and only this one: ${why}`, async (t) => {
    const { socketPath } = await served(t)
    const [client, other] = [await Client.open(t, socketPath), await Client.open(t, socketPath)]
    client.send(line)
    client.send('{"id":6,"op":"root"}')
    const answers = await client.untilEnd()
    assert.equal(answers.length, 1)
    assert.equal(codeIn(answers[0]), 'AUTHORITY_REQUEST_MALFORMED')
    assert.equal(answers[0]?.['id'], id)
    assert.equal((await other.ask({ id: 1, op: 'root' }))['id'], 1)
  })
}

test('a line may have its greatest length; one byte more ends the connection, also without a line feed', async (t) => {
  const { socketPath } = await served(t)
  const line = '{"id":1,"op":"root"}'
  const client = await Client.open(t, socketPath)
  client.send(line.padEnd(REQUEST_LINE_BYTES_MAX - 1))
  assert.equal((await client.next())?.['id'], 1)
  client.send(line.padEnd(REQUEST_LINE_BYTES_MAX))
  assert.equal(codeIn((await client.untilEnd())[0]), 'AUTHORITY_LINE_TOO_LONG')

  const endless = await Client.open(t, socketPath)
  endless.socket.write('x'.repeat(REQUEST_LINE_BYTES_MAX))
  assert.equal(codeIn((await endless.untilEnd())[0]), 'AUTHORITY_LINE_TOO_LONG')
})

test('many requests at once are all answered, also those that came before a malformed line or the end', async (t) => {
  const { socketPath } = await served(t)
  for (const last of ['nonsense', undefined]) {
    const client = await Client.open(t, socketPath)
    const ids = Array.from({ length: 3 * IN_FLIGHT_COUNT_MAX }, (_, id) => id)
    const lines = ids.map((id) => JSON.stringify({ id, op: 'issue', purpose: 'device', csr: deviceCsr }))
    client.send([...lines, ...(last === undefined ? [] : [last])].join('\n'))
    client.socket.end()
    const answers = await client.untilEnd()
    const answered = answers.filter((answer) => 'certificate' in answer).map(({ id }) => Number(id))
    assert.deepEqual(
      answered.sort((left, right) => left - right),
      ids,
    )
    assert.equal(answers.length, ids.length + (last === undefined ? 0 : 1))
  }
})

test('a last line without its line feed is refused, not passed over', async (t) => {
  const { socketPath } = await served(t)
  const client = await Client.open(t, socketPath)
  client.socket.end('{"id":1,"op":"root"}')
  assert.deepEqual((await client.untilEnd()).map(codeIn), ['AUTHORITY_REQUEST_MALFORMED'])
})

test('an id that is in flight is refused', async (t) => {
  const { socketPath } = await served(t)
  const client = await Client.open(t, socketPath)
  const line = JSON.stringify({ id: 4, op: 'issue', purpose: 'device', csr: deviceCsr })
  client.send(`${line}\n${line}`)
  const answers = await client.untilEnd()
  assert.deepEqual(new Set(answers.map(codeIn)), new Set(['AUTHORITY_REQUEST_MALFORMED', undefined]))
})

test('one connection too many is told so', async (t) => {
  const { socketPath } = await served(t)
  const clients: Client[] = []
  for (let count = 0; count < CONNECTION_COUNT_MAX; count += 1) clients.push(await Client.open(t, socketPath))
  await Promise.all(clients.map((client) => client.ask({ id: 1, op: 'root' })))
  const late = await Client.open(t, socketPath)
  assert.deepEqual((await late.untilEnd()).map(codeIn), ['AUTHORITY_BUSY'])
  clients[0]?.socket.end()
  assert.deepEqual(await clients[0]?.untilEnd(), [])
  const next = await Client.open(t, socketPath)
  assert.equal((await next.ask({ id: 1, op: 'root' }))['id'], 1)
})

test('what is wrong on this side stays on this side', async (t) => {
  const options = await newAuthority(t)
  const disk = { broken: false }
  const authority = await openAuthority({
    ...options,
    openJournalFile: async (path) => {
      const file = await openChainFile(path)
      const fail = (): Promise<void> => Promise.reject(new Error('EIO on /dev/secret'))
      return { ...file, append: (bytes) => (disk.broken ? fail() : file.append(bytes)) }
    },
  })
  const { socketPath } = await served(t, authority, options.folder)
  const client = await Client.open(t, socketPath)
  disk.broken = true
  for (const id of [1, 2]) {
    const answer = await client.ask({ id, op: 'issue', purpose: 'device', csr: deviceCsr })
    assert.equal(codeIn(answer), 'AUTHORITY_UNAVAILABLE')
    assert.doesNotMatch(JSON.stringify(answer), /secret|journal/)
  }
  await authority.close()
  assert.equal(
    codeIn(await client.ask({ id: 3, op: 'issue', purpose: 'device', csr: deviceCsr })),
    'AUTHORITY_UNAVAILABLE',
  )
})

test('closing lets requests under way end, and leaves no socket behind', async (t) => {
  const { socketPath, server } = await served(t)
  const client = await Client.open(t, socketPath)
  const idle = await Client.open(t, socketPath)
  await idle.ask({ id: 1, op: 'root' })
  client.send(JSON.stringify({ id: 1, op: 'issue', purpose: 'device', csr: deviceCsr }))
  client.send('{"id":2,"op":"root"}')
  assert.equal((await client.next())?.['id'], 2)
  await server.close()
  assert.equal((await client.untilEnd()).length, 1)
  assert.deepEqual(await idle.untilEnd(), [])
  await assert.rejects(stat(socketPath), { code: 'ENOENT' })
})

test('what a dead process left is replaced; what answers, or is no socket, is not', async (t) => {
  const { authority, socketPath } = await served(t)
  const options = { authority, log: silentLog }
  await assert.rejects(serveAuthority({ ...options, socketPath }), { code: 'SOCKET_IN_USE' })

  const file = join(dirname(socketPath), 'a-file')
  await writeFile(file, 'mine')
  await assert.rejects(serveAuthority({ ...options, socketPath: file }), { code: 'SOCKET_UNUSABLE' })
  await assert.rejects(serveAuthority({ ...options, socketPath: '/'.padEnd(104, 'x') }), { code: 'SOCKET_UNUSABLE' })
  await assert.rejects(serveAuthority({ ...options, socketPath: join(file, 'below') }), { code: 'SOCKET_UNUSABLE' })

  const stale = join(dirname(socketPath), 'stale')
  const dead = spawn(process.execPath, [
    '-e',
    `net.createServer().listen(${JSON.stringify(stale)}, () => console.log())`,
  ])
  await once(dead.stdout, 'data')
  dead.kill('SIGKILL')
  await once(dead, 'close')
  assert.ok((await stat(stale)).isSocket())
  const server = await serveAuthority({ ...options, socketPath: stale })
  await server.close()
})

test('arbitrary text gives a request or problems; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      const parsed = parseRequest(line)
      assert.ok(parsed.ok || parsed.problems.length > 0)
    }),
  )
})

type Answer = Readonly<Record<string, unknown>>

/** A client that knows nothing but lines. */
class Client {
  readonly socket: Socket
  readonly #lines: AsyncIterator<string>

  private constructor(socket: Socket) {
    this.socket = socket
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  }

  static async open(t: TestContext, path: string): Promise<Client> {
    const socket = connect(path)
    const client = new Client(socket)
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    return client
  }

  send(line: string | Uint8Array): void {
    this.socket.write(line)
    this.socket.write('\n')
  }

  async ask(request: object): Promise<Answer> {
    this.send(JSON.stringify(request))
    const answer = await this.next()
    assert.ok(answer, 'the connection ended instead of an answer')
    return answer
  }

  async next(): Promise<Answer | undefined> {
    const { value, done } = await this.#lines.next()
    return done === true ? undefined : JSON.parse(value)
  }

  async untilEnd(): Promise<Answer[]> {
    const answers: Answer[] = []
    for (let answer = await this.next(); answer !== undefined; answer = await this.next()) answers.push(answer)
    return answers
  }
}

interface Served {
  readonly authority: Authority
  readonly socketPath: string
  readonly server: { close(): Promise<void> }
}

async function served(t: TestContext, given?: Authority, folder?: string): Promise<Served> {
  const options = given === undefined ? await newAuthority(t) : undefined
  const authority = given ?? (await openAuthority({ ...options!, endpointNames: ['iot.example'] }))
  const socketPath = join(dirname(folder ?? options!.folder), 'authority.sock')
  const server = await serveAuthority({ authority, socketPath, log: silentLog })
  t.after(async () => {
    await server.close()
    await authority.close()
  })
  return { authority, socketPath, server }
}

async function csrFor(names: readonly AlternativeName[]): Promise<string> {
  return base64(await createCsr({ subject: [], subjectAlternativeNames: names, signer: key }))
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function certificateIn(answer: Answer): Certificate {
  return parseCertificate(Buffer.from(String(answer['certificate']), 'base64'))
}

function codeIn(answer: Answer | undefined): unknown {
  return Object(answer?.['error']).code
}
