import { hash } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type CertificateId, certificateId } from '@birthmark/cloud/registry'
import type { Presented } from './admission-step.ts'
import type { AttemptRecord } from './attempt-log.ts'
import { ClientCertificate } from './client-certificate.ts'

/** Notes in the attempt what a client showed in its finished TLS handshake, and gives what admission judges. */
export function readTlsFacts(socket: TLSSocket, attempt: AttemptRecord): Presented {
  // Node says `false` where there is no name, and gives no type for it.
  const sni = typeof socket.servername === 'string' ? socket.servername : undefined
  const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined
  const tlsVersion = socket.getProtocol() ?? undefined
  attempt.show({ sni, alpn, tlsVersion })
  attempt.step('tls', `${tlsVersion ?? 'TLS'}, server name ${sni ?? 'none'}, protocol ${alpn ?? 'none'}`)
  return { sni, alpn, certificate: readClientCertificate(socket, attempt), issuerSent: () => issuerSent(socket) }
}

/** Gives the id of the certificate that a client showed in a handshake that failed; it proves nothing. */
export function shownCertificateId(socket: TLSSocket): CertificateId | undefined {
  const der = socket.getPeerX509Certificate()?.raw
  return der === undefined ? undefined : certificateId(hash('sha256', der, 'hex'))
}

function readClientCertificate(socket: TLSSocket, attempt: AttemptRecord): ClientCertificate | undefined {
  const der = socket.getPeerX509Certificate()?.raw
  const id = der === undefined ? undefined : certificateId(hash('sha256', der, 'hex'))
  attempt.step('client-certificate', id ?? 'none')
  if (der === undefined || id === undefined) return undefined
  attempt.show({ certificateId: id })
  return new ClientCertificate(id, der)
}

/** DER of the certificate of the issuer, if the client sent it along. */
function issuerSent(socket: TLSSocket): Uint8Array | undefined {
  return socket.getPeerX509Certificate()?.issuerCertificate?.raw
}
