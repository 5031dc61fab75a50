import { encodeUtf8 } from '@birthmark/foundation/kernel'
import { toPem } from '@birthmark/foundation/x509'
import { ESP_TLV, type EspElement, espPartition } from './esp-partition.ts'

/** A key and its certificate, made outside of the device. */
export interface Credential {
  /** The element's own number, or that of a claim. */
  readonly uid: string
  /** PKCS#8 in PEM, not encrypted. */
  readonly privateKey: string
  /** DER. */
  readonly certificate: Uint8Array
  /** The issuers below the root, nearest first, and the root. */
  readonly chain: readonly Uint8Array[]
  /** What the device will trust its server by. */
  readonly trustAnchor?: Uint8Array
}

/** The forms that a credential is packed in. */
export const CREDENTIAL_FORMS = ['pem', 'c-header', 'esp-secure-cert'] as const

/** One of {@link CREDENTIAL_FORMS}. */
export type CredentialForm = (typeof CREDENTIAL_FORMS)[number]

/** One file of a packed credential. */
export interface CredentialFile {
  readonly name: string
  readonly content: Uint8Array
}

/** Packs a credential as files whose names begin with the device's number. @throws `CREDENTIAL_TOO_LARGE` (operator) */
export function packCredential(credential: Credential, form: CredentialForm): readonly CredentialFile[] {
  const { uid, privateKey } = credential
  switch (form) {
    case 'pem':
      return [
        { name: `${uid}.key.pem`, content: encodeUtf8(privateKey) },
        { name: `${uid}.pem`, content: encodeUtf8(chainOf(credential)) },
      ]
    case 'c-header':
      return [{ name: `${uid}.h`, content: encodeUtf8(cHeader(credential)) }]
    case 'esp-secure-cert':
      return [{ name: `${uid}.esp_secure_cert.bin`, content: espPartition(espElements(credential)) }]
  }
}

function chainOf({ certificate, chain }: Credential): string {
  return [certificate, ...chain.slice(0, -1)].map((der) => toPem('CERTIFICATE', der)).join('')
}

/** Strings for a C compiler, terminated by zero as C strings are; `sizeof` counts that byte, as mbed TLS wants it. */
function cHeader(credential: Credential): string {
  const { uid, privateKey, trustAnchor } = credential
  const anchor = trustAnchor === undefined ? '' : define('TRUST_ANCHOR', toPem('CERTIFICATE', trustAnchor))
  const name = `BIRTHMARK_CREDENTIAL_${uid.toUpperCase()}_H`
  return [
    `#ifndef ${name}\n#define ${name}\n\n`,
    `#define BIRTHMARK_DEVICE "${uid}"\n`,
    define('CERTIFICATE', chainOf(credential)),
    define('PRIVATE_KEY', privateKey),
    anchor,
    `\n#endif\n`,
  ].join('')
}

function define(what: string, text: string): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => `  "${line}\\n"`)
  return `\n#define BIRTHMARK_${what} \\\n${lines.join(' \\\n')}\n`
}

function espElements(credential: Credential): EspElement[] {
  const { privateKey, trustAnchor, chain } = credential
  const anchor = trustAnchor ?? chain.at(-1)
  const text = (pem: string): Uint8Array => encodeUtf8(`${pem}\0`)
  return [
    ...(anchor === undefined ? [] : [{ type: ESP_TLV.caCertificate, data: text(toPem('CERTIFICATE', anchor)) }]),
    { type: ESP_TLV.deviceCertificate, data: text(chainOf(credential)) },
    { type: ESP_TLV.privateKey, data: text(privateKey) },
  ]
}
