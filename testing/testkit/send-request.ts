import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { buffer } from 'node:stream/consumers'
import type { HttpRequest } from '@smithy/types'

/** What came back. */
export interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  /** Parsed JSON; `undefined` when the body is empty. */
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** Describes a request to `url` that nobody has signed. */
export function unsignedRequest(
  url: string,
  method: string,
  path: string,
  more: Partial<Pick<HttpRequest, 'query' | 'headers' | 'body'>> = {},
): HttpRequest {
  const { host, hostname } = new URL(url)
  return { method, path, protocol: 'http:', hostname, query: {}, ...more, headers: { host, ...more.headers } }
}

/** Sends a request as it is, byte for byte. */
export async function sendRequest(url: string, message: HttpRequest): Promise<Reply> {
  const pairs = Object.entries(message.query ?? {}).map(
    ([name, value]) => `${name}=${encodeURIComponent(String(value))}`,
  )
  const path = pairs.length === 0 ? message.path : `${message.path}?${pairs.join('&')}`
  const length = { 'content-length': Buffer.byteLength(message.body ?? '') }
  const outgoing = request(url, { method: message.method, path, headers: { ...message.headers, ...length } })
  outgoing.end(message.body)
  const [incoming] = await once(outgoing, 'response')
  const text = (await buffer(incoming)).toString()
  return { status: incoming.statusCode, headers: incoming.headers, body: text === '' ? undefined : JSON.parse(text) }
}
