import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import { type SecurityPolicy, tlsVersionsOf } from './security-policy.ts'

/** A private key and its certificate. */
export interface EndpointIdentity {
  /** The private key, PEM. */
  readonly key: string
  /** The endpoint's certificate and its issuers below the root, PEM. */
  readonly certificate: string
}

/** The keys and certificates by which clients know this endpoint. */
export interface Endpoint extends EndpointIdentity {
  /** The same with an RSA key, for clients that do not verify ECDSA; OpenSSL chooses by what a client offers. */
  readonly rsa?: EndpointIdentity
}

/** What the listeners show, and to whom. */
export interface Endpoints {
  readonly endpoint: Endpoint
  /** {@link DEFAULT_SECURITY_POLICY} when absent. */
  readonly securityPolicy?: SecurityPolicy
  /** The domain names that differ, by name. */
  readonly domains?: ReadonlyMap<string, DomainEndpoint>
}

/** What is shown to clients that call by one domain name; as to all others where a member is absent. */
export interface DomainEndpoint {
  readonly endpoint?: Endpoint
  readonly securityPolicy?: SecurityPolicy
}

/** What the two TLS listeners speak. */
export type TlsListener = 'mqtt' | 'https'

/**
 * Gives the options of a TLS listener: forward secrecy and AEAD only. A client certificate is asked
 * for and every one is accepted: whether it may connect is for the registry, on each connection, so that CAs and
 * statuses change while the listener runs.
 */
export function tlsOptions(listener: TlsListener, endpoint: Endpoint, policy: SecurityPolicy): TlsOptions {
  const identities = endpoint.rsa === undefined ? [endpoint] : [endpoint, endpoint.rsa]
  return {
    key: identities.map(({ key }) => key),
    cert: identities.map(({ certificate }) => certificate),
    // No CA names for the client to choose by, and no time spent on a verdict that nobody asks for.
    ca: [],
    requestCert: true,
    rejectUnauthorized: false,
    ...tlsVersionsOf(policy),
    ciphers: ENDPOINT_CIPHERS,
    honorCipherOrder: true,
    // Without tickets each connection proves its key anew, and a handshake costs less.
    // Nor does it prove another one later: what was judged is what the whole connection has.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    ALPNCallback: ({ protocols }) => chooseProtocol(listener, protocols),
  }
}

/** Tells whether a connection with this protocol speaks MQTT. */
export function isMqtt(listener: TlsListener, alpn: string | undefined): boolean {
  return listener === 'mqtt' || alpn === 'x-amzn-mqtt-ca' || alpn === 'mqtt'
}

/**
 * Chooses among the protocols that a client offers (RFC 7301 §3.2). On the MQTT port a client gets its own first choice
 * when none is known, because AWS's clients offer one on every port and there is only one protocol to speak.
 *
 * @returns `undefined` when there is none in common: the handshake fails
 */
function chooseProtocol(listener: TlsListener, offered: readonly string[]): string | undefined {
  return PROTOCOLS.find((protocol) => offered.includes(protocol)) ?? (listener === 'mqtt' ? offered[0] : undefined)
}

/** AWS IoT Core developer guide, device communication protocols. `mqtt` is for custom authorizers there. */
const PROTOCOLS: readonly string[] = ['x-amzn-mqtt-ca', 'mqtt', 'http/1.1', 'x-amzn-http-ca']

/**
 * The cipher suites of every listener, in order: forward secrecy and AEAD only. AES-128 first: small devices have it in
 * hardware, and it is as good as the others here.
 */
export const ENDPOINT_CIPHERS: string = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
