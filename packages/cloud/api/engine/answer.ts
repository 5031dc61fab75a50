import { encodeUtf8 } from '@birthmark/foundation/kernel'

/** An answer, ready for the wire. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Gives the answer whose body is `value` as JSON. */
export function jsonAnswer(value: object, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: encodeUtf8(JSON.stringify(value)),
  }
}
