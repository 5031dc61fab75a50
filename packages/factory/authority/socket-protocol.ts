import { type Members, type Parsed, readJsonObject } from '@birthmark/factory/json'
import { type IssuedCertificate, PROFILE_NAME } from '@birthmark/factory/order'
import { Fault } from '@birthmark/foundation/kernel'
import type { RevocationReason } from '@birthmark/foundation/x509'
import { IDEMPOTENCY_KEY, type IssueRequest } from './decide.ts'
import { authorityFault } from './faults.ts'
import { REVOCATION_REASON_NAMES } from './journal-records.ts'

/** One request as docs/reference/authority-socket.md describes it. */
export type SocketRequest =
  | { readonly id: number; readonly op: 'issue'; readonly request: IssueRequest }
  | { readonly id: number; readonly op: 'root' }
  | { readonly id: number; readonly op: 'revoke'; readonly serial: string; readonly reason: RevocationReason }

/**
 * Longest request line, in bytes, line feed included. A CSR with an RSA-4096 key and a dozen names needs 3 KB in
 * base64. At the limit: `AUTHORITY_LINE_TOO_LONG`, and the connection ends.
 */
export const REQUEST_LINE_BYTES_MAX = 16_384

/** Reads one line, without its line feed. Any text gives an answer. */
export function parseRequest(line: string): Parsed<SocketRequest> {
  return readJsonObject(line, readRequest)
}

/** Gives the `id` of a line that was refused, where it can be read. */
export function idOf(line: string): number | null {
  const found = { id: -1 }
  readJsonObject(line, (members) => {
    found.id = members.integer('id', -1, Number.MAX_SAFE_INTEGER)
  })
  return found.id < 0 ? null : found.id
}

/** Writes an answer, line feed included. Without a certificate it is the answer to `root`. */
export function encodeAnswer(
  id: number,
  answer: Partial<IssuedCertificate> & Omit<IssuedCertificate, 'certificate'>,
): string {
  const { certificate, intermediates, root } = answer
  const members = {
    id,
    ...(certificate !== undefined && { certificate: base64(certificate) }),
    intermediates: intermediates.map(base64),
    root: base64(root),
  }
  return `${JSON.stringify(members)}\n`
}

/** Writes the answer to `revoke`, line feed included. */
export function encodeRevoked(id: number, serial: string): string {
  return `${JSON.stringify({ id, revoked: serial })}\n`
}

/**
 * Writes the answer to a request that failed, line feed included. The only place where a fault becomes an answer: what
 * the client can act on is told, what happened on this side only goes to the log.
 */
export function encodeError(id: number | null, error: unknown): string {
  const { code, message, remedy } = isForClient(error) ? error : authorityFault('AUTHORITY_UNAVAILABLE')
  return `${JSON.stringify({ id, error: { code, message, remedy } })}\n`
}

function isForClient(error: unknown): error is Fault {
  if (!(error instanceof Fault)) return false
  switch (error.blame) {
    case 'peer':
    case 'caller':
      return error.code !== 'AUTHORITY_CLOSED'
    case 'busy':
      return error.code === 'AUTHORITY_BUSY'
    case 'operator':
    case 'bug':
      return false
  }
}

function readRequest(members: Members): SocketRequest {
  const id = members.integer('id', 0, Number.MAX_SAFE_INTEGER)
  const op = members.word('op', ['issue', 'root', 'revoke'])
  if (op === 'root') return { id, op }
  if (op === 'revoke') {
    const serial = members.text('serial', SERIAL, '1 to 20 bytes in lower-case hex')
    return { id, op, serial, reason: members.word('reason', REVOCATION_REASON_NAMES) }
  }
  const kind = members.word('purpose', ['endpoint', 'device'])
  const csr = members.base64('csr', REQUEST_LINE_BYTES_MAX)
  const repeatable = members.has('idempotencyKey')
  const key = repeatable && { idempotencyKey: members.text('idempotencyKey', IDEMPOTENCY_KEY, KEY_FORM) }
  if (kind === 'endpoint') return { id, op, request: { kind, csr, ...key } }
  const profile = members.has('profile') && { profile: members.text('profile', PROFILE_NAME, 'the name of a profile') }
  return { id, op, request: { kind, csr, ...key, ...profile } }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const SERIAL = /^(?:[0-9a-f]{2}){1,20}$/
const KEY_FORM = '1 to 128 of a-z, A-Z, 0-9, ".", ":", "_", "-"'
