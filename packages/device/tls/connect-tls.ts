import { TlsStream, type TlsStreamOptions } from './tls-stream.ts'

/**
 * Connects as a TLS client over a transport and gives the stream once the handshake is over. The private key never
 * leaves the signer. With TLS 1.3 a server judges the client's certificate only afterwards: its refusal destroys the
 * stream with `TLS_CLIENT_CERTIFICATE_REFUSED`.
 *
 * @throws every fault of `TLS_FAULTS`; the transport is ended then
 */
export async function connectTls(options: TlsStreamOptions): Promise<TlsStream> {
  return new Promise((resolve, reject) => {
    try {
      const stream = new TlsStream(options, () => {
        stream.off('error', reject)
        resolve(stream)
      })
      stream.once('error', reject)
    } catch (error) {
      options.transport.destroy()
      throw error
    }
  })
}
