import { timingSafeEqual } from 'node:crypto'
import { tlsFault } from './faults.ts'

/**
 * Compares the server's `verify_data` with ours, in constant time.
 *
 * @throws `TLS_MESSAGE_MALFORMED` for another length, `TLS_FINISHED_WRONG`
 */
export function requireFinished(received: Uint8Array, expected: Uint8Array): void {
  if (received.length !== expected.length) throw tlsFault('TLS_MESSAGE_MALFORMED', { structure: 'Finished' })
  if (!timingSafeEqual(received, expected)) throw tlsFault('TLS_FINISHED_WRONG')
}
