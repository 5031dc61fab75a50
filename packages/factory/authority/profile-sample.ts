import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { type Instant, isFault } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  type CertificateProfile,
  type KeyKind,
  Linted,
  NO_EXPIRATION,
  ROOT_CA,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import type { CheckedProfile } from './profile-file.ts'
import { fillSubject } from './profile-subject.ts'

/** A rule that a certificate of a profile would break. */
export interface SampleFinding {
  readonly rule: string
  /** Document, version and section that the rule comes from. */
  readonly source: string
  readonly otherwise: string
  /** The kind of key that the sample had. */
  readonly key: KeyKind
}

/**
 * Makes a certificate of a profile for each kind of key that it allows, below an issuer of its own, and holds it
 * against every rule. Nothing of it is kept.
 */
export async function sampleFindings(checked: CheckedProfile, now: Instant): Promise<readonly SampleFinding[]> {
  const issuer = await sampleIssuer(now)
  const findings: SampleFinding[] = []
  for (const key of checked.profile.keys) {
    const publicKey = await SAMPLE_KEYS[key]()
    for (const { rule, source, otherwise } of findingsOf(checked, publicKey, issuer, now)) {
      findings.push({ rule, source, otherwise, key })
    }
  }
  return findings
}

function findingsOf(
  { profile, subject: template, name }: CheckedProfile,
  publicKey: Uint8Array,
  issuer: Certificate,
  now: Instant,
): readonly Omit<SampleFinding, 'key'>[] {
  try {
    return Linted.findings({
      profile,
      subject: fillSubject(template, SAMPLE_VALUES, name),
      subjectAlternativeNames: profile.subjectAlternativeNames === 'required' ? SAMPLE_NAMES : [],
      publicKey,
      issuer: { certificate: issuer },
      serialNumber: SAMPLE_SERIAL,
      now,
    })
  } catch (error) {
    // A name that cannot be written, or a placeholder that nothing fills, is a finding as well.
    if (!isFault(error)) throw error
    return [{ rule: 'subject-can-be-written', source: error.spec ?? 'the profile', otherwise: error.message }]
  }
}

async function sampleIssuer(now: Instant): Promise<Certificate> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const profile: CertificateProfile = { ...ROOT_CA, validity: { until: NO_EXPIRATION } }
  const subject = [{ type: 'CN', value: 'Sample' }]
  const request = { profile, subject, publicKey: signer.publicKey, serialNumber: SAMPLE_SERIAL, now }
  return Linted.lint({ ...request, issuer: 'self' }).sign(signer)
}

const generate = promisify(generateKeyPair)

const spki = { format: 'der', type: 'spki' } as const
const SAMPLE_KEYS: Readonly<Record<KeyKind, () => Promise<Uint8Array>>> = {
  'ec-p256': async () => (await generate('ec', { namedCurve: 'P-256' })).publicKey.export(spki),
  'ec-p384': async () => (await generate('ec', { namedCurve: 'P-384' })).publicKey.export(spki),
  'ec-p521': async () => (await generate('ec', { namedCurve: 'P-521' })).publicKey.export(spki),
  rsa: async () => (await generate('rsa', { modulusLength: 2048 })).publicKey.export(spki),
  'ml-dsa-65': async () => (await generate('ml-dsa-65')).publicKey.export(spki),
}

/** What a template is filled with: as long as such values are in use. */
const SAMPLE_VALUES = {
  request: ['CN', 'serialNumber', 'O', 'OU'].map((type) => ({ type, value: 'sample' })),
  product: 'p'.repeat(16),
  uid: '0a1b2c3d4e5f6071'.repeat(2),
} as const
const SAMPLE_NAMES = [{ type: 'dns', value: 'sample.example' }] as const
const SAMPLE_SERIAL = new Uint8Array(16).fill(0x41)
