import { createServer as createHttpServer, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { ENDPOINT_CIPHERS } from '@birthmark/cloud/front'
import type { Log } from '@birthmark/foundation/kernel'
import { CONTROL_CONNECTIONS_MAX, CONTROL_HEADERS_MAX, CONTROL_REQUEST_MAX } from './limits.ts'
import { listen } from './listen.ts'

/** Where the control plane listens. Ports: 0 takes any free one. */
export interface ControlOptions {
  /** Address of the HTTPS listener. The one without TLS listens on loopback whatever this says. */
  readonly address: string
  /** The name that clients use. */
  readonly host: string
  readonly controlPort: number
  readonly controlHttpPort: number
  readonly log: Log
}

/** The control plane's listeners at work. */
export interface ControlListeners {
  readonly addresses: { readonly control: string; readonly controlHttp: string }
  /** Shows another certificate to the clients that come from now on. */
  exchangeEndpoint(endpoint: { readonly keyPem: string; readonly chainPem: string }): void
  close(): Promise<void>
}

/**
 * Listens for requests to the control plane, over HTTPS and, on loopback, over plain HTTP.
 *
 * @throws `PORT_IN_USE`, `PORT_NOT_PERMITTED`, `ADDRESS_NOT_USABLE`
 */
export async function openControl(
  { address, host, controlPort, controlHttpPort, log }: ControlOptions,
  endpoint: { readonly keyPem: string; readonly chainPem: string },
  answer: RequestListener,
): Promise<ControlListeners> {
  const secure = createHttpsServer({ ...tlsOf(endpoint), ...PATIENCE, handshakeTimeout: CONTROL_HEADERS_MAX }, answer)
  const plain = createHttpServer(PATIENCE, answer)
  secure.maxConnections = CONTROL_CONNECTIONS_MAX
  plain.maxConnections = CONTROL_CONNECTIONS_MAX
  const close = async (): Promise<void> => {
    await Promise.all([closeServer(secure), closeServer(plain)])
  }
  try {
    const port = await listen(secure, { address, port: controlPort, option: '--control-port' }, log)
    const plainAt = { address: LOOPBACK, port: controlHttpPort, option: '--control-http-port' }
    const plainPort = await listen(plain, plainAt, log)
    return {
      addresses: { control: `https://${host}:${port}`, controlHttp: `http://${LOOPBACK}:${plainPort}` },
      exchangeEndpoint: (next) => secure.setSecureContext(tlsOf(next)),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** TLS 1.2 only with forward secrecy and AEAD, as on the devices' listeners. */
function tlsOf({ keyPem, chainPem }: { readonly keyPem: string; readonly chainPem: string }): SecureContextOptions {
  return { key: keyPem, cert: chainPem, minVersion: 'TLSv1.2', ciphers: ENDPOINT_CIPHERS, honorCipherOrder: true }
}

function closeServer(server: HttpServer | HttpsServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

const LOOPBACK = '127.0.0.1'
/** Node looks for late requests at an interval; its own, half a minute, would double the time they get. */
const PATIENCE = {
  headersTimeout: CONTROL_HEADERS_MAX,
  requestTimeout: CONTROL_REQUEST_MAX,
  connectionsCheckingInterval: CONTROL_HEADERS_MAX / 3,
}
