import type { IncomingMessage } from 'node:http'
import { AwsException, invalidRequest } from './exceptions.ts'

/**
 * Reads a request's body whole, unless it is too long: then no more of it is kept than `bytesMax`.
 *
 * @throws `RequestEntityTooLargeException`, `InvalidRequestException` when the client goes away in the middle
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > bytesMax) throw tooLarge(bytesMax)
  // Without either header there is no body (RFC 9112 §6.3).
  if (declared === 0 && request.headers['transfer-encoding'] === undefined) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes: Uint8Array = chunk
      length += bytes.length
      if (length > bytesMax) throw tooLarge(bytesMax)
      chunks.push(bytes)
    }
  } catch (error) {
    throw error instanceof AwsException ? error : invalidRequest('The request ended in the middle of its body.')
  }
  return Buffer.concat(chunks)
}

function tooLarge(bytesMax: number): AwsException {
  return new AwsException('RequestEntityTooLargeException', `A request body may have at most ${bytesMax} bytes.`)
}
