import { type Millis, messageOf } from '@birthmark/foundation/kernel'
import type { Invocation } from './invocation.ts'

/**
 * Calls a function behind HTTP. An address without a path is one that speaks Lambda's Invoke (AWS Lambda API, Invoke),
 * as the local emulators do; one with a path gets the event as it is.
 */
export async function invokeUrl(url: string, name: string, event: unknown, limit: Millis): Promise<Invocation> {
  const address = new URL(url)
  if (address.pathname === '/') address.pathname = `/2015-03-31/functions/${name}/invocations`
  try {
    const response = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-amz-invocation-type': 'RequestResponse' },
      body: JSON.stringify(event ?? null),
      redirect: 'error',
      signal: AbortSignal.timeout(limit),
    })
    const text = await boundedText(response)
    const error = response.headers.get('x-amz-function-error')
    if (error !== null) return { outcome: 'failed', why: `${error}: ${text.slice(0, 200)}` }
    if (!response.ok) return { outcome: 'failed', why: `status ${response.status}` }
    return { outcome: 'answered', answer: text === '' ? null : JSON.parse(text) }
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return { outcome: 'slow' }
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    return { outcome: 'failed', why: messageOf(cause) }
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > ANSWER_BYTES_MAX) throw new RangeError(`the answer has more than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Longest answer of a function (AWS Lambda quotas: 6 MB). */
const ANSWER_BYTES_MAX = 6_291_456
