import { open } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Clock, type Log, messageOf } from '@birthmark/foundation/kernel'
import { OCSP_REQUEST_BYTES_MAX } from '@birthmark/foundation/x509'
import type { StatusAnswer, StatusResponder } from './ocsp-responder.ts'
import { statusFault } from './status-faults.ts'

/** What {@link serveStatus} needs. */
export interface StatusServerOptions {
  readonly responder: StatusResponder
  /** Where `publishLists` writes; without it no lists are served. */
  readonly folder?: string
  readonly host: string
  /** 0 is any free one. */
  readonly port: number
  readonly clock: Clock
  readonly log: Log
}

/** A server that answers over HTTP. */
export interface StatusServer {
  readonly port: number
  /** Sends the answers under way and ends the connections. */
  close(): Promise<void>
}

/**
 * Answers OCSP requests, POST and GET (RFC 6960 Appendix A, RFC 5019 §5), at `/ocsp`, and gives out revocation lists,
 * `/crl/1.crl`, and the issuer, `/issuer.crt`, whatever path stands before these. Plain HTTP: all of it is signed.
 *
 * @throws `STATUS_PORT_UNUSABLE` (operator)
 */
export async function serveStatus(options: StatusServerOptions): Promise<StatusServer> {
  const { host, port, log } = options
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: IDLE_TIMEOUT_MS },
    (request, response) => {
      handle(request, response, options).catch((error: unknown) => {
        log.write('error', 'status.failed', { why: messageOf(error) })
        if (response.headersSent) response.destroy()
        else end(response, 500)
      })
    },
  )
  server.maxConnections = CONNECTION_COUNT_MAX
  const bound = await new Promise<AddressInfo>((resolve, reject) => {
    server.once('error', (error) =>
      reject(statusFault('STATUS_PORT_UNUSABLE', { host, port, why: error.message }, error)),
    )
    server.listen({ host, port }, () => {
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address)
    })
  })
  return {
    port: bound.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, options: StatusServerOptions): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?')
  const question = /\/ocsp(?:\/(.*))?$/.exec(path)
  if (question !== null) return handleQuestion(request, response, options, question[1] ?? '')
  const file = /\/(crl\/(?:\d{1,15}|all)(?:-delta)?\.crl|issuer\.crt)$/.exec(path)?.[1]
  if (file === undefined || options.folder === undefined) return end(response, 404)
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' })
  return sendFile(request, response, join(options.folder, file))
}

async function handleQuestion(
  request: IncomingMessage,
  response: ServerResponse,
  { responder, clock }: StatusServerOptions,
  encoded: string,
): Promise<void> {
  if (request.method === 'POST') {
    const body = await bodyOf(request)
    if (body === undefined) return end(response, 413, { connection: 'close' })
    return sendAnswer(request, response, await responder.answer(body), clock)
  }
  if (request.method !== 'GET') return end(response, 405, { allow: 'GET, POST' })
  if (encoded.length > ENCODED_CHARACTERS_MAX) return end(response, 414)
  return sendAnswer(request, response, await responder.answer(decode(encoded)), clock)
}

/** RFC 6960 Appendix A.1: base64 whose "/", "+" and "=" may be percent-encoded. What is none is answered as such. */
function decode(encoded: string): Uint8Array {
  try {
    return Buffer.from(decodeURIComponent(encoded), 'base64')
  } catch {
    return new Uint8Array()
  }
}

/** Reads a body; `undefined` when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const parts: Buffer[] = []
  let length = 0
  // Whoever sends too much is told so before the connection ends.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    if (!(part instanceof Buffer)) continue
    length += part.length
    if (length > OCSP_REQUEST_BYTES_MAX) return undefined
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** RFC 5019 §6.2: an answer to GET says how long it may be kept; to POST, or with a nonce, it is for one alone. */
function sendAnswer(request: IncomingMessage, response: ServerResponse, answer: StatusAnswer, clock: Clock): void {
  const { der, kept } = answer
  const type = { 'content-type': 'application/ocsp-response', 'content-length': der.length }
  if (kept === undefined || request.method !== 'GET') {
    response.writeHead(200, { ...type, 'cache-control': 'no-store' }).end(der)
    return
  }
  const seconds = Math.max(0, Math.floor((kept.until - clock.now()) / 1000))
  const tag = `"${kept.digest}"`
  const headers = {
    'cache-control': `max-age=${seconds}, public, no-transform, must-revalidate`,
    'last-modified': new Date(kept.from).toUTCString(),
    expires: new Date(kept.until).toUTCString(),
    etag: tag,
  }
  if (request.headers['if-none-match'] === tag) end(response, 304, headers)
  else response.writeHead(200, { ...type, ...headers }).end(der)
}

async function sendFile(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const file = await open(path).catch(() => undefined)
  if (file === undefined) return end(response, 404)
  try {
    // A list that is replaced meanwhile is read to its end as it was.
    const { ino, size, mtime, mtimeMs } = await file.stat()
    const tag = `"${ino}-${size}-${Math.floor(mtimeMs)}"`
    const caching = { 'cache-control': `max-age=${LIST_KEPT_SECONDS}, public`, etag: tag }
    const headers = { ...caching, 'last-modified': mtime.toUTCString() }
    if (request.headers['if-none-match'] === tag) return end(response, 304, headers)
    const type = path.endsWith('.crl') ? 'application/pkix-crl' : 'application/pkix-cert'
    response.writeHead(200, { ...headers, 'content-type': type, 'content-length': size })
    if (request.method === 'HEAD') response.end()
    else await pipeline(file.createReadStream({ autoClose: false, end: Math.max(0, size - 1) }), response)
  } finally {
    await file.close()
  }
}

function end(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-length': 0, ...headers }).end()
}

/** Longest request in a URL, in characters: base64, each of them percent-encoded. */
const ENCODED_CHARACTERS_MAX = 4_096

/** Connections at a time; further ones are dropped, and clients of OCSP ask again. */
const CONNECTION_COUNT_MAX = 1_024

/** How long a client may take for its request, in milliseconds. */
const REQUEST_TIMEOUT_MS = 10_000

/** How long a connection may do nothing, in milliseconds. */
const IDLE_TIMEOUT_MS = 5_000

/** How long a list may be kept by whoever fetched it, in seconds; it says itself until when it counts. */
const LIST_KEPT_SECONDS = 600
