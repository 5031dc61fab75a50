import { createHash, createPrivateKey, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Entropy, isFault, messageOf } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'
import { toPem } from '@birthmark/foundation/x509'
import { openClaim } from './claim.ts'
import { agentFault } from './faults.ts'
import type { StoredIdentity } from './identity-store.ts'

/** Takes one claim from a trusted user (AWS's CreateProvisioningClaim). */
export interface ClaimReceiver {
  /** Where it listens. */
  readonly url: string
  /** What the user must know: it is shown on the device. */
  readonly code: string
  /** Resolves with the claim; the receiver has closed by then. Rejects after {@link WRONG_CODES_MAX} wrong codes. */
  readonly claim: Promise<StoredIdentity>
  close(): void
}

/**
 * Listens for a claim: `POST /claim` with `Authorization: Bearer CODE` and, as the body, what CreateProvisioningClaim
 * answered, or the texts of the QR codes that the claim page shows, one on a line. The claim is kept in memory only. On
 * a host other than loopback it crosses the network in the clear.
 *
 * @throws `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` when the address cannot be listened on
 */
export async function receiveClaim(
  where: { readonly host: string; readonly port: number },
  entropy: Entropy,
): Promise<ClaimReceiver> {
  const code = newCode(entropy)
  const { promise: claim, resolve, reject } = Promise.withResolvers<StoredIdentity>()
  let wrong = 0
  const server = createServer(
    { requestTimeout: REQUEST_TIME_MS, headersTimeout: REQUEST_TIME_MS },
    (request, response) => {
      void take(request, code).then((answer) => {
        reply(response, answer)
        if (answer.claim !== undefined) resolve(answer.claim)
        if (answer.status === WRONG_CODE) wrong += 1
        if (wrong >= WRONG_CODES_MAX)
          reject(agentFault('CLAIM_UNUSABLE', { why: `${WRONG_CODES_MAX} wrong codes were given` }))
        if (answer.claim !== undefined || wrong >= WRONG_CODES_MAX) close(server)
      })
    },
  )
  server.maxConnections = CONNECTIONS_MAX
  claim.catch(() => undefined)
  await listen(server, where)
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : where.port
  const host = where.host.includes(':') ? `[${where.host}]` : where.host
  return { url: `http://${host}:${port}/claim`, code, claim, close: () => close(server) }
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly claim?: StoredIdentity
}

async function take(request: IncomingMessage, code: string): Promise<Answer> {
  if (request.url !== '/claim') return { status: 404, text: 'POST /claim takes a claim' }
  if (request.method === 'OPTIONS') return { status: NO_CONTENT, text: '' }
  if (request.method !== 'POST') return { status: 404, text: 'POST /claim takes a claim' }
  // A page of any site may ask, the cloud's claim page among them; without the code on the device it gets nowhere.
  const [, given = ''] = /^Bearer (.{1,64})$/.exec(request.headers.authorization ?? '') ?? []
  if (!isSame(given, code)) return { status: WRONG_CODE, text: 'the code is not the one that the device shows' }
  const body = await readBody(request)
  if (body === undefined) return { status: 413, text: `a claim has at most ${BODY_BYTES_MAX} bytes` }
  try {
    return { status: 200, text: 'the device has the claim', claim: claimIn(body) }
  } catch (error) {
    return { status: 400, text: isFault(error) ? messageOf(error) : 'the body is no claim' }
  }
}

function claimIn(body: string): StoredIdentity {
  if (body.startsWith(QR_FORMAT)) return claimInCodes(body)
  const value: unknown = JSON.parse(body)
  if (typeof value !== 'object' || value === null) throw new TypeError('no object')
  const { certificatePem, keyPair }: Readonly<Partial<Record<string, unknown>>> = { ...value }
  const pair: Readonly<Partial<Record<string, unknown>>> = typeof keyPair === 'object' ? { ...keyPair } : {}
  const { PrivateKey: key } = pair
  return openClaim(typeof certificatePem === 'string' ? certificatePem : '', typeof key === 'string' ? key : '')
}

/** Reads the QR codes of the claim page, one on a line, in any order, also twice. @throws `CLAIM_UNUSABLE` */
function claimInCodes(body: string): StoredIdentity {
  const parts = new Map<number, string>()
  let count = 0
  for (const line of body.split(/\r?\n/).filter((text) => text !== '')) {
    const [, index = '', of = '', part = ''] = /^birthmark-claim\/1 (\d{1,2})\/(\d{1,2}) (.*)$/.exec(line) ?? []
    parts.set(Number(index), part)
    count = Number(of)
  }
  const numbers = Array.from({ length: count }, (_, index) => index + 1)
  const missing = numbers.find((number) => !parts.has(number))
  if (missing !== undefined) throw agentFault('CLAIM_UNUSABLE', { why: `code ${missing} of ${count} is missing` })
  const value: unknown = JSON.parse(numbers.map((number) => parts.get(number)).join(''))
  const { certificate, privateKey }: Readonly<Partial<Record<string, unknown>>> = { ...Object(value) }
  const der = (base64: unknown): Uint8Array => Uint8Array.from(Buffer.from(String(base64), 'base64'))
  const key = createPrivateKey({ key: Buffer.from(der(privateKey)), format: 'der', type: 'pkcs1' })
  return openClaim(toPem('CERTIFICATE', der(certificate)), key.export({ type: 'pkcs8', format: 'pem' }).toString())
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of request) {
      if (!Buffer.isBuffer(part)) return undefined
      size += part.length
      if (size > BODY_BYTES_MAX) return undefined
      parts.push(part)
    }
  } catch {
    // The sender has gone: nothing it sent counts.
    return undefined
  }
  return Buffer.concat(parts).toString('utf8')
}

function reply(response: ServerResponse, { status, text }: Answer): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    connection: 'close',
    'cache-control': 'no-store',
    // The installer's page comes from the cloud; a browser asks here first whether it may send (Fetch, CORS protocol).
    'access-control-allow-origin': '*',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-allow-private-network': 'true',
  })
  response.end(status === NO_CONTENT ? '' : `${JSON.stringify({ message: text })}\n`)
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(asFileFault(error, `http://${host}:${port}`)))
    server.listen(port, host, resolve)
  })
}

/** An answer that is on its way is still sent. */
function close(server: Server): void {
  server.close()
  server.closeIdleConnections()
}

function isSame(given: string, code: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(given.toUpperCase()), hash(code))
}

function newCode(entropy: Entropy): string {
  return Array.from(entropy.bytes(CODE_CHARACTERS), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

/** Letters and digits that people do not mix up; 32 of them, so that each is equally likely. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
/** Characters of a code: 40 bits, against {@link WRONG_CODES_MAX} guesses. */
const CODE_CHARACTERS = 8
/** Wrong codes until the receiver closes; a person mistypes once or twice. */
export const WRONG_CODES_MAX = 5
/** Largest body: a certificate, two keys and an expiration take 5 KB. */
const BODY_BYTES_MAX = 65_536
/** Connections at once: one person, one browser. */
const CONNECTIONS_MAX = 8
/** How long a request may take. */
const REQUEST_TIME_MS = 10_000
const WRONG_CODE = 403
const NO_CONTENT = 204
/** How each QR code of the claim page begins. */
const QR_FORMAT = 'birthmark-claim/1 '
