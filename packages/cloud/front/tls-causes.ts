import type { AttemptCause, AttemptCauseCode } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import type { ClientHello } from './client-hello.ts'

/**
 * Says why a TLS handshake failed, by what OpenSSL found and what the client had offered.
 *
 * @param hello Absent when the client's first bytes were none, or those of something else.
 * @param certificateId The certificate that the client showed, if it came that far.
 */
export function causeOfTlsError(
  error: Error,
  hello: ClientHello | undefined,
  certificateId: string | undefined,
): AttemptCause {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : undefined
  if (reason === undefined) return attemptCause('TLS_HANDSHAKE_FAILED', { why: describeError(error) })
  const [code, why] = TLS_ERRORS.get(reason) ?? ['TLS_HANDSHAKE_FAILED', `OpenSSL says "${reason}"`]
  return attemptCause(code, {
    why,
    certificateId: certificateId ?? 'that it showed',
    versions: hello?.versions.join(', ') || 'none that could be read',
    ciphers: listed(hello?.ciphers ?? []),
    protocols: listed(hello?.alpn ?? []),
  })
}

function describeError(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'no code'
  return code === 'ECONNRESET' ? 'the client closed the connection without an alert' : `OpenSSL says ${code}`
}

function listed(names: readonly string[]): string {
  const more = names.length - LISTED_MAX
  const list = names.slice(0, LISTED_MAX).join(', ') || 'none that could be read'
  return more > 0 ? `${list} and ${more} more` : list
}

/** Names of offered cipher suites and protocols in one sentence; the rest is counted. */
const LISTED_MAX = 8

const UNKNOWN_CA = 'it does not trust the issuer (unknown_ca)'
const BAD_CERTIFICATE = 'it finds it unfit (bad_certificate), for its name for example'
const EXPIRED = 'it finds it expired (certificate_expired), by its own clock'
const REFUSED = 'it says no more (certificate_unknown)'

/** OpenSSL's reason strings; those that begin with a version are alerts that the client sent (RFC 8446 §6.2). */
const TLS_ERRORS: ReadonlyMap<string, readonly [code: AttemptCauseCode, why: string]> = new Map([
  ['http request', ['TLS_EXPECTED', 'speaks HTTP without TLS']],
  ['wrong version number', ['TLS_EXPECTED', 'does not speak TLS']],
  ['packet length too long', ['TLS_EXPECTED', 'does not speak TLS']],
  ['unsupported protocol', ['TLS_VERSION_UNSUPPORTED', '']],
  ['no shared cipher', ['TLS_CIPHER_UNSUPPORTED', '']],
  ['no application protocol', ['ALPN_UNKNOWN', '']],
  ['bad signature', ['PROOF_OF_POSSESSION_FAILED', '']],
  ['provider signature failure', ['PROOF_OF_POSSESSION_FAILED', '']],
  ['tlsv1 alert unknown ca', ['ENDPOINT_NOT_TRUSTED', UNKNOWN_CA]],
  ['tlsv1 alert bad certificate', ['ENDPOINT_NOT_TRUSTED', BAD_CERTIFICATE]],
  ['sslv3 alert bad certificate', ['ENDPOINT_NOT_TRUSTED', BAD_CERTIFICATE]],
  ['ssl/tls alert bad certificate', ['ENDPOINT_NOT_TRUSTED', BAD_CERTIFICATE]],
  ['sslv3 alert certificate expired', ['ENDPOINT_NOT_TRUSTED', EXPIRED]],
  ['ssl/tls alert certificate expired', ['ENDPOINT_NOT_TRUSTED', EXPIRED]],
  ['sslv3 alert certificate unknown', ['ENDPOINT_NOT_TRUSTED', REFUSED]],
  ['ssl/tls alert certificate unknown', ['ENDPOINT_NOT_TRUSTED', REFUSED]],
])
