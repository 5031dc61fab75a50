import { Fault, type Instant } from '@birthmark/foundation/kernel'
import { type Certificate, checkHostName, parseCertificate, verifyChain } from '@birthmark/foundation/x509'
import { TLS_FAULTS, tlsFault } from './faults.ts'
import type { ClientSettings } from './options.ts'
import { requireUsableKey } from './signature-scheme.ts'
import type { TlsVersion } from './version.ts'

/** Most certificates that a server may send; real chains have two to four. More: `TLS_CHAIN_TOO_LONG`. */
export const CHAIN_CERTIFICATES_MAX = 10

/** What a server showed, and when. */
export interface ShownChain {
  /** DER, the server's own certificate first. */
  readonly certificates: readonly Uint8Array[]
  readonly version: TlsVersion
  readonly now: Instant
}

/**
 * Judges the server's chain: it must lead to an anchor, serve this purpose at this time, carry the host's name, and its
 * key must be able to sign. That the server holds the key is left to its signature.
 *
 * @throws `TLS_CHAIN_TOO_LONG`, and every fault that starts with `TLS_CERTIFICATE_` or `TLS_HOST_NAME_`
 */
export function verifyServerChain(settings: ClientSettings, { certificates, version, now }: ShownChain): Certificate {
  if (certificates.length > CHAIN_CERTIFICATES_MAX) {
    throw tlsFault('TLS_CHAIN_TOO_LONG', { count: certificates.length, max: CHAIN_CERTIFICATES_MAX })
  }
  const [leaf, ...intermediates] = translated(settings.host, () => certificates.map((der) => parseCertificate(der)))
  if (leaf === undefined) throw tlsFault('TLS_MESSAGE_MALFORMED', { structure: 'Certificate' })
  const { anchors, host } = settings
  translated(host, () => {
    const chain = verifyChain({ leaf, intermediates, anchors, now, purpose: 'serverAuth' })
    checkHostName(chain.leaf, host)
  })
  requireUsableKey(leaf, version)
  // RFC 8446 §4.4.2.2, RFC 8422 §5.3: in these handshakes the server's key signs, whatever else it may do.
  if (leaf.keyUsage?.includes('digitalSignature') === false) {
    throw tlsFault('TLS_CERTIFICATE_UNSUITABLE', { why: 'its key usage lacks digitalSignature' })
  }
  return leaf
}

/** Turns what X.509 says about a chain into what TLS says to its peer, keeping the original as the cause. */
function translated<Value>(host: string, judge: () => Value): Value {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof Fault) || error.blame !== 'peer') throw error
    const code = CODES.get(error.code) ?? 'TLS_CERTIFICATE_UNSUITABLE'
    throw tlsFault(code, { host, why: error.code }, error)
  }
}

const CODES: ReadonlyMap<string, keyof typeof TLS_FAULTS> = new Map([
  ['CERTIFICATE_UNREADABLE', 'TLS_CERTIFICATE_MALFORMED'],
  ['CERTIFICATE_EXPIRED', 'TLS_CERTIFICATE_EXPIRED'],
  ['CERTIFICATE_NOT_YET_VALID', 'TLS_CERTIFICATE_NOT_YET_VALID'],
  ['CHAIN_INCOMPLETE', 'TLS_CERTIFICATE_FOREIGN'],
  ['CHAIN_UNTRUSTED', 'TLS_CERTIFICATE_FOREIGN'],
  ['SIGNATURE_INVALID', 'TLS_CERTIFICATE_FOREIGN'],
  ['HOST_NAME_MISMATCH', 'TLS_HOST_NAME_MISMATCH'],
])
