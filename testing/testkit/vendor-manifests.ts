/** Manifests as vendors give them, made with keys of our own; each says which public document it follows. */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { Instant } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import {
  type Certificate,
  DEVICE,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  SoftwareSigner,
} from '@birthmark/foundation/x509'

/** A vendor: a root, an issuing CA below it, and one who signs manifests. */
export interface Vendor {
  readonly root: Certificate
  readonly issuing: Certificate
  /** Pinned by who reads: its certificate, and its key for signing. */
  readonly manifestSigner: { readonly certificate: Certificate; readonly key: KeyObject }
  /** Makes a chip with a fresh key. */
  chip(uid: string, now?: Instant): Promise<VendorChip>
}

/** A chip with what its vendor knows of it. */
export interface VendorChip {
  readonly uid: string
  readonly certificate: Certificate
  /** Its public key as RFC 7517 writes it: `kty`, `crv`, `x`, `y`. */
  readonly jwk: Readonly<Record<string, unknown>>
}

/** Makes a vendor with fresh keys. */
export async function newVendor(name = 'Vendor'): Promise<Vendor> {
  const rootKey = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const issuingKey = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const common = { serialNumber: newSerialNumber(systemEntropy), now: systemClock.now() }
  const root = await Linted.lint({
    ...common,
    profile: ROOT_CA,
    subject: [{ type: 'CN', value: `${name} Root` }],
    publicKey: rootKey.publicKey,
    issuer: 'self',
  }).sign(rootKey)
  const issuing = await Linted.lint({
    ...common,
    profile: ISSUING_CA,
    subject: [{ type: 'CN', value: `${name} Issuing CA` }],
    publicKey: issuingKey.publicKey,
    issuer: { certificate: root },
  }).sign(rootKey)
  const device = async (subject: string, publicKey: Uint8Array, now: Instant): Promise<Certificate> =>
    Linted.lint({
      profile: DEVICE,
      subject: [{ type: 'CN', value: subject }],
      publicKey,
      issuer: { certificate: issuing },
      serialNumber: newSerialNumber(systemEntropy),
      now,
    }).sign(issuingKey)
  const signerKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signerSpki = Uint8Array.from(signerKeys.publicKey.export({ format: 'der', type: 'spki' }))
  return {
    root,
    issuing,
    manifestSigner: {
      certificate: await device(`${name} Manifest Signer`, signerSpki, systemClock.now()),
      key: signerKeys.privateKey,
    },
    async chip(uid, now = systemClock.now()) {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const spki = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }))
      return { uid, certificate: await device(uid, spki, now), jwk: { ...publicKey.export({ format: 'jwk' }) } }
    },
  }
}

/** What a test wants otherwise in one signed element. */
export interface ElementChange {
  readonly payload?: object
  readonly protected?: object
  readonly header?: object
  readonly key?: KeyObject
  readonly jws?: object
}

/**
 * Signs one element as Microchip's Trust Platform does ("Trust Platform Manifest File Full Format", section 2.4; the
 * members are those of its example in section 3.1, the values ours).
 *
 * @param version 1 and 3 list keys with certificates, 2 lists neither.
 */
export function microchipElement(
  { issuing, manifestSigner }: Vendor,
  { uid, certificate, jwk }: VendorChip,
  version: 1 | 2 | 3 = 3,
  change: ElementChange = {},
): object {
  const x5c = [certificate, issuing].map(({ der }) => Buffer.from(der).toString('base64'))
  const entity = { organizationName: 'Example Chips', organizationalUnitName: 'Secure Elements' }
  const payload = {
    version,
    model: 'ATECC608C',
    partNumber: 'ATECC608C-EXAMPLE',
    manufacturer: entity,
    provisioner: entity,
    distributor: entity,
    groupId: 'EXAMPLE0GROUP',
    provisioningTimestamp: '2026-01-15T17:22:45.000Z',
    uniqueId: uid,
    ...(version !== 2 && {
      publicKeySet: {
        keys: [
          { kid: '0', ...jwk, x5c },
          { kid: '1', ...freshJwk() },
        ],
      },
    }),
    ...(version === 1 && { encryptedSecretKeySet: { keys: [] } }),
    ...change.payload,
  }
  const { subjectKeyIdentifier = '', der } = manifestSigner.certificate
  const header = {
    typ: 'JWT',
    alg: 'ES256',
    kid: Buffer.from(subjectKeyIdentifier, 'hex').toString('base64url'),
    'x5t#S256': createHash('sha256').update(der).digest('base64url'),
    ...change.protected,
  }
  const encoded = { payload: base64url(payload), protected: base64url(header) }
  const signature = sign('sha256', Buffer.from(`${encoded.protected}.${encoded.payload}`), {
    key: change.key ?? manifestSigner.key,
    dsaEncoding: 'ieee-p1363',
  })
  return {
    ...encoded,
    header: { uniqueId: uid, ...change.header },
    signature: signature.toString('base64url'),
    ...change.jws,
  }
}

/** Writes what Espressif gives with provisioned modules: a header, and PEM over several lines in quotes. */
export function espressifCsv(chips: readonly VendorChip[]): string {
  const lines = chips.map(
    ({ uid, certificate }) => `${uid.match(/../g)?.join(':')},"${certificate.toPem()}",ESP32-S3\r\n`,
  )
  return ['MAC,cert,model\r\n', ...lines].join('')
}

/** A private key that nobody pinned. */
export function strangeKey(): KeyObject {
  return createPrivateKey(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  )
}

function freshJwk(): object {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Wraps certificates as PKCS#7 `SignedData` without content and signers (RFC 5652 §5.1), as `.p7b` files are. */
export function pkcs7Bundle(
  certificates: readonly Uint8Array[],
  signerInfos: Uint8Array = new Uint8Array(),
): Uint8Array {
  const data = der(0x30, der(0x06, Buffer.from('2a864886f70d010701', 'hex')))
  const content = [der(0x02, Uint8Array.of(1)), der(0x31), data, der(0xa0, ...certificates), der(0x31, signerInfos)]
  return der(0x30, der(0x06, Buffer.from('2a864886f70d010702', 'hex')), der(0xa0, der(0x30, ...content)))
}

/** Writes one DER value with definite length (X.690 §10.1). */
function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  const hex = content.length.toString(16)
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const length = content.length < 0x80 ? octets : Buffer.concat([Uint8Array.of(0x80 | octets.length), octets])
  return Uint8Array.from(Buffer.concat([Uint8Array.of(tag), length, content]))
}
