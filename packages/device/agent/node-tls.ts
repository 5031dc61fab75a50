import { isIP, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { type Entropy, type Millis, messageOf, seconds, type Timers, toHex } from '@birthmark/foundation/kernel'
import type { SoftwareSigner } from '@birthmark/foundation/x509'
import { agentFault } from './faults.ts'
import type { DeviceIdentity } from './identity.ts'

/**
 * Shakes hands over Node's own TLS, with a key that is in this process: any key that OpenSSL signs with, RSA among
 * them. A key in an element goes through `device/tls`, which has the signature made there.
 *
 * @throws `ENDPOINT_NOT_TRUSTED`, `CONNECTION_DROPPED`
 */
export function connectNodeTls(
  transport: Socket,
  host: string,
  identity: DeviceIdentity & { readonly signer: SoftwareSigner },
  { alpn, entropy, timers }: { readonly alpn: readonly string[]; readonly entropy: Entropy; readonly timers: Timers },
): Promise<TLSSocket> {
  // Node takes keys as text: encrypted on its way, with a passphrase that nobody sees.
  const passphrase = toHex(entropy.bytes(PASSPHRASE_BYTES))
  const anchors = [identity.trustAnchor, ...(identity.otherAnchors ?? [])]
  const socket = connect({
    socket: transport,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca: anchors.map((anchor) => anchor.toPem()),
    allowPartialTrustChain: true,
    cert: identity.certificate.toPem(),
    key: identity.signer.toEncryptedPem(passphrase),
    passphrase,
    ALPNProtocols: [...alpn],
    minVersion: 'TLSv1.2',
  })
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => {
      cancel()
      socket.destroy()
      reject(failure(host, error))
    }
    const cancel = timers.after(HANDSHAKE_TIME, () => fail())
    socket.once('error', fail)
    socket.once('close', () => fail())
    socket.once('secureConnect', () => {
      cancel()
      socket.off('error', fail)
      socket.removeAllListeners('close')
      resolve(socket)
    })
  })
}

/** Codes of a verification begin with a letter and name the certificate; everything else may pass. */
function failure(host: string, error: Error | undefined): Error {
  const code = error !== undefined && 'code' in error ? String(error.code) : ''
  if (error === undefined || !UNTRUSTED.test(code)) return agentFault('CONNECTION_DROPPED', {}, error)
  return agentFault('ENDPOINT_NOT_TRUSTED', { host, why: messageOf(error) }, error)
}

/** Node's and OpenSSL's words for a server certificate that does not stand up (Node, X509 certificate error codes). */
const UNTRUSTED = /CERT|ISSUER|SIGNATURE|CA_|TLS_CERT/
const PASSPHRASE_BYTES = 32
/** How long a handshake may take; a slow link needs a few seconds. */
const HANDSHAKE_TIME: Millis = seconds(30)
