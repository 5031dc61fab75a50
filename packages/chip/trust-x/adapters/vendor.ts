import type { Clock, Entropy } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  type DistinguishedName,
  ISSUING_CA,
  Linted,
  newSerialNumber,
  ROOT_CA,
  type Signer,
  SoftwareSigner,
  spkiFromPoint,
  VENDOR_DEVICE,
} from '@birthmark/foundation/x509'
import { LIFECYCLE } from '../access.ts'
import { type ChipChoices, DEFAULT_CHOICES } from '../choices.ts'
import type { ChipCrypto } from '../crypto.ts'
import { CURVES, KEY_USAGE } from '../curves.ts'
import { wrapIdentity } from '../identity.ts'
import { blankMemory, type ChipMemory, objectIn, SECRET_BYTES, withObject } from '../memory.ts'
import { OID, type StoredObject, UID_BYTES } from '../objects.ts'
import { nodeCrypto } from './node-crypto.ts'

/** Who makes virtual chips: gives each one an identity of the vendor's before anybody else has it. */
export interface ChipVendor {
  /** What a host trusts. */
  readonly root: Certificate
  /** Of the CA below the root that signs the certificate in object E0E0 of every chip; no chip holds it. */
  readonly certificate: Certificate
  /** The CA's key. */
  readonly signer: Signer
}

/**
 * Makes a vendor with CAs of its own, which nobody but tests should trust: `Birthmark Virtual Chip Root CA` (P-384) and
 * below it `Birthmark Virtual Chip CA 001` (P-256), which may have no CA below itself. The root's key is not kept.
 *
 * Source: OPTIGA Trust X keys and certificates v1.30, certificate chain; the names are ours.
 */
export async function makeVendor(clock: Clock, entropy: Entropy): Promise<ChipVendor> {
  const rootSigner = await SoftwareSigner.generate('ecdsa-p384-sha384')
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const now = clock.now()
  const root = await Linted.lint({
    profile: { ...ROOT_CA, pathLength: 1 },
    subject: named('Birthmark Virtual Chip Root CA'),
    publicKey: rootSigner.publicKey,
    issuer: 'self',
    serialNumber: newSerialNumber(entropy),
    now,
  }).sign(rootSigner)
  const certificate = await Linted.lint({
    profile: ISSUING_CA,
    subject: named('Birthmark Virtual Chip CA 001'),
    publicKey: signer.publicKey,
    issuer: { certificate: root },
    serialNumber: newSerialNumber(entropy),
    now,
  }).sign(rootSigner)
  return { root, certificate, signer }
}

function named(commonName: string): DistinguishedName {
  return [
    { type: 'O', value: 'Birthmark' },
    { type: 'OU', value: 'Virtual Chips' },
    { type: 'CN', value: commonName },
  ]
}

/**
 * Makes the memory of a fresh chip as a vendor ships it: a UID of its own, key E0F0 for authentication and its
 * certificate in E0E0, both locked, nothing else. The certificate has the vendor's profile: no subject, 20 years; its
 * serial number has 16 bytes where the vendor's has four, which are too few to be unpredictable.
 *
 * Source: OPTIGA Trust X keys and certificates v1.30; layout of the UID: Trust M solution reference manual v3.70.
 */
export async function personalise(
  vendor: ChipVendor,
  clock: Clock,
  crypto: ChipCrypto = nodeCrypto,
  choices: ChipChoices = DEFAULT_CHOICES,
): Promise<ChipMemory> {
  const { scalar, point } = crypto.generateKey('ec-p256')
  const certificate = await Linted.lint({
    profile: VENDOR_DEVICE,
    subject: [],
    publicKey: spkiFromPoint('p256', point),
    issuer: { certificate: vendor.certificate },
    serialNumber: newSerialNumber({ bytes: (count) => crypto.random(count) }),
    now: clock.now(),
  }).sign(vendor.signer)
  const blank = freshMemory(crypto, choices)
  const key = { algorithm: P256, usage: KEY_USAGE.AUTHENTICATION, content: scalar }
  const withKey = changed(blank, OID.VENDOR_KEY, key)
  return changed(withKey, OID.VENDOR_CERTIFICATE, { content: wrapIdentity(certificate.der) })
}

/** Makes the memory of a chip that not even its vendor has written to; only the UID is its own. */
export function freshMemory(crypto: ChipCrypto = nodeCrypto, choices: ChipChoices = DEFAULT_CHOICES): ChipMemory {
  const uid = new Uint8Array(UID_BYTES)
  uid.set(UID_HEAD)
  uid.set(crypto.random(UID_TAIL_AT - UID_HEAD.length), UID_HEAD.length)
  uid.set(UID_TAIL, UID_TAIL_AT)
  const blank = blankMemory(uid, crypto.random(SECRET_BYTES))
  if (choices.delivered === 'creation') return blank
  return FROZEN_SOMEWHERE.reduce((memory, oid) => changed(memory, oid, { lifecycle: LIFECYCLE.OPERATIONAL }), blank)
}

function changed(memory: ChipMemory, oid: number, change: Partial<StoredObject>): ChipMemory {
  const object = objectIn(memory, oid)
  return object === undefined ? memory : withObject(memory, oid, { ...object, ...change })
}

/** The objects of which two sources tell different lifecycles. */
const FROZEN_SOMEWHERE = [OID.CERTIFICATE_2, OID.CERTIFICATE_3, OID.TRUST_ANCHOR, OID.PLATFORM_ANCHOR]

const P256 = [...CURVES.values()].find((curve) => curve.name === 'ec-p256')?.algorithm ?? 0x03

/** CIM identifier, platform, model, ROM mask, chip type; batch and place on the wafer follow. */
const UID_HEAD = Uint8Array.of(0xcd, 0x16, 0x33, 0x6b, 0x01, 0x00, 0x1c, 0x00, 0x01, 0x00, 0x00)

/** Firmware 80101071, build 1118: the only one that was sold, and hosts look at it. */
const UID_TAIL = Uint8Array.of(0x80, 0x10, 0x10, 0x71, 0x11, 0x18)
const UID_TAIL_AT = UID_BYTES - UID_TAIL.length
