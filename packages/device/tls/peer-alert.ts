import type { Fault } from '@birthmark/foundation/kernel'
import { tlsFault } from './faults.ts'

/** Gives the fault for an alert with which the server ended the connection. */
export function peerAlertFault(alert: string): Fault {
  return tlsFault(ABOUT_THE_CERTIFICATE.has(alert) ? 'TLS_CLIENT_CERTIFICATE_REFUSED' : 'TLS_PEER_ALERT', { alert })
}

/** What a server that asked for a certificate says about it (RFC 8446 §6.2). */
const ABOUT_THE_CERTIFICATE: ReadonlySet<string> = new Set([
  'bad_certificate',
  'unsupported_certificate',
  'certificate_revoked',
  'certificate_expired',
  'certificate_unknown',
  'unknown_ca',
  'access_denied',
  'certificate_required',
])
