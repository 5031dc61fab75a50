import type { TlsVersion } from './version.ts'

/** Everything known about a cipher suite: all of them use AES-128-GCM and SHA-256. */
export interface CipherSuite {
  readonly name: string
  readonly code: number
  readonly version: TlsVersion
}

/** The cipher suites of this client, in order of preference (RFC 8446 §B.4, RFC 5289 §3.2). */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  { name: 'TLS_AES_128_GCM_SHA256', code: 0x1301, version: 'TLSv1.3' },
  { name: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', code: 0xc02b, version: 'TLSv1.2' },
]
