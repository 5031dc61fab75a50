import { days, type Entropy, fromHex, type Instant, instant, later, toHex } from '../../kernel/index.ts'
import { buildTbsCertificate, encodeSigned, type TbsDraft } from '../build.ts'
import {
  type Certificate,
  DEVICE,
  ISSUING_CA,
  type IssueRequest,
  Linted,
  newSerialNumber,
  parseCertificate,
  ROOT_CA,
  SoftwareSigner,
} from '../index.ts'
import { keyIdentifier } from '../public-key.ts'
import { algorithmIdentifier } from '../signature.ts'

/** The moment of all tests in this room. */
export const NOW: Instant = instant(Date.UTC(2026, 0, 15, 12))

/** A certificate and its key. */
export interface Identity {
  readonly certificate: Certificate
  readonly signer: SoftwareSigner
}

/** What a test wants otherwise. */
export type Change = Partial<Omit<IssueRequest, 'issuer' | 'publicKey'>> & { readonly signer?: SoftwareSigner }

/** Bytes that differ from call to call and are the same in each run. */
export function countingEntropy(): Entropy {
  let next = 0
  return { bytes: (count) => Uint8Array.from({ length: count }, () => (next += 1) & 0xff) }
}

const entropy = countingEntropy()

/** Makes an identity that signs itself: a root with a P-256 key, unless `change` says otherwise. */
export async function makeRoot(change: Change = {}): Promise<Identity> {
  const signer = change.signer ?? (await SoftwareSigner.generate('ecdsa-p256-sha256'))
  const request = requestOf(signer, { profile: ROOT_CA, subject: [{ type: 'CN', value: 'Root' }], ...change })
  return { signer, certificate: await Linted.lint({ ...request, issuer: 'self' }).sign(signer) }
}

/** Makes a CA below `issuer`. */
export function makeCa(issuer: Identity, change: Change = {}): Promise<Identity> {
  return makeIdentity(issuer, { profile: ISSUING_CA, subject: [{ type: 'CN', value: 'Issuing' }], ...change })
}

/** Makes an identity below `issuer`: a device, unless `change` says otherwise. */
export async function makeIdentity(issuer: Identity, change: Change = {}): Promise<Identity> {
  const signer = change.signer ?? (await SoftwareSigner.generate('ecdsa-p256-sha256'))
  const request = requestOf(signer, change)
  const linted = Linted.lint({ ...request, issuer: { certificate: issuer.certificate } })
  return { signer, certificate: await linted.sign(issuer.signer) }
}

/** Gives a request that passes every lint of its profile. */
export function requestOf(signer: SoftwareSigner, change: Change = {}): Omit<IssueRequest, 'issuer'> {
  const { signer: _signer, ...rest } = change
  return {
    profile: DEVICE,
    subject: [{ type: 'CN', value: 'press-7' }],
    publicKey: signer.publicKey,
    serialNumber: newSerialNumber(entropy),
    now: NOW,
    ...rest,
  }
}

/**
 * Makes a certificate below `issuer` that no lint has seen, so that verifiers meet what would never be issued here.
 *
 * @param respell Hex of bytes in the signed part, and of as many that take their place.
 */
export async function forge(
  issuer: Identity,
  draft: Partial<TbsDraft> = {},
  respell: { readonly from: string; readonly to: string } = { from: '00', to: '00' },
): Promise<Identity> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const signatureAlgorithm = algorithmIdentifier(issuer.signer.algorithm)
  const built = buildTbsCertificate({
    ...DEVICE,
    serialNumber: newSerialNumber(entropy),
    signatureAlgorithm,
    issuerDer: issuer.certificate.subjectDer,
    notBefore: NOW,
    notAfter: later(NOW, days(3650)),
    subject: [{ type: 'CN', value: 'Forged' }],
    publicKey: signer.publicKey,
    subjectAlternativeNames: [],
    subjectKeyIdentifier: keyIdentifier(signer.publicKey),
    authorityKeyIdentifier: undefined,
    ...draft,
  })
  const tbs = replaceBytes(built, respell.from, respell.to)
  const der = encodeSigned(tbs, signatureAlgorithm, await issuer.signer.sign(tbs))
  return { signer, certificate: parseCertificate(der) }
}

/** Replaces the bytes of `from`, in hex, by as many others, everywhere. */
export function replaceBytes(der: Uint8Array, from: string, to: string): Uint8Array {
  return fromHex(toHex(der).replaceAll(from.replaceAll(' ', ''), to.replaceAll(' ', '')))
}
