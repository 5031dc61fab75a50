import { createHash } from 'node:crypto'
import { elementSigner, type LockStrength, type SecureElement } from '@birthmark/chip'
import { ELEMENT_UID } from '@birthmark/factory/ledger'
import {
  type DeviceRequest,
  deviceSubject,
  type IssuedCertificate,
  type IssuingAuthority,
  type VendorEvidence,
} from '@birthmark/factory/order'
import { equalBytes, isFault } from '@birthmark/foundation/kernel'
import { type Certificate, createCsr, parseCertificate, verifyCsr, verifySignature } from '@birthmark/foundation/x509'
import { lineFault } from './faults.ts'
import type { Bench, Station } from './station.ts'

/** Learns who the element is. @throws `DEVICE_UID_UNFIT` (peer) */
export async function identify(element: SecureElement): Promise<string> {
  const { uid } = await element.identify()
  if (!ELEMENT_UID.test(uid)) throw lineFault('DEVICE_UID_UNFIT', { characters: uid.length })
  return uid
}

/**
 * Takes an element in, if this station may work on it. From here on its number is taken.
 *
 * @throws `DEVICE_IN_WORK`, `DEVICE_SCRAPPED`, `DEVICE_OF_OTHER_ORDER`, `ORDER_COMPLETE` (operator)
 */
export function takeIn(element: SecureElement, uid: string, { order, ledger, inWork }: Station): Bench {
  if (inWork.has(uid)) throw lineFault('DEVICE_IN_WORK', { uid })
  const earlier = ledger.device(uid)
  if (earlier?.stage === 'scrapped') throw lineFault('DEVICE_SCRAPPED', { uid })
  if (earlier?.stage === 'revoked') throw lineFault('DEVICE_REVOKED', { uid })
  if (earlier !== undefined && earlier.order !== order.id) {
    throw lineFault('DEVICE_OF_OTHER_ORDER', { uid, order: earlier.order })
  }
  const counts = ledger.count(order.id)
  const used = Object.values(counts).reduce((sum, count) => sum + count, 0) - counts.scrapped
  if (earlier === undefined && used >= order.count) {
    throw lineFault('ORDER_COMPLETE', { order: order.id, count: order.count })
  }
  inWork.add(uid)
  return { element, uid, slots: order.slots ?? element.defaultSlots, earlier }
}

/**
 * Gives the device's public key: the one that is on record, or a new one, which is on record when this returns. From
 * then on the element is never asked for another, because a certificate may exist for this one.
 */
export async function generateKey(bench: Bench, { order, ledger }: Station): Promise<Uint8Array> {
  const { element, uid, slots, earlier } = bench
  if (earlier?.publicKey !== undefined) return earlier.publicKey
  const publicKey = await element.generateKey(slots.key)
  await ledger.record({ kind: 'begun', order: order.id, uid, publicKey })
  return publicKey
}

/**
 * Has the element sign a CSR and the authority a certificate. After an interruption the authority gives the same one
 * again.
 *
 * @throws `DEVICE_KEY_CHANGED`, `CERTIFICATE_NOT_FOR_KEY` (operator), and what the authority says
 */
export async function requestCertificate(bench: Bench, publicKey: Uint8Array, station: Station): Promise<Certificate> {
  const { element, uid, slots } = bench
  const { order, authority } = station
  const subject = deviceSubject(order.subject, order.product, uid)
  const signer = elementSigner(element, slots.key, publicKey)
  const ask = async (): Promise<IssuedCertificate> => {
    const challenge = await authority.challenge?.(uid)
    const csr = await createCsr({ subject, signer, ...(challenge !== undefined && { challenge }) })
    const vendor = order.evidence?.kind === 'vendor' ? await vendorEvidence(element, csr) : undefined
    return issueTo({ csr, uid, ...(vendor !== undefined && { vendor }) }, authority)
  }
  const issued = await ask().catch((error: unknown) => {
    // A session that began anew in between wants a new signature; a second time it is something else.
    if (isFault(error, 'EVIDENCE_STALE') || isFault(error, 'STATION_SESSION_ENDED')) return ask()
    throw error
  })
  const certificate = parseCertificate(issued.certificate)
  if (!equalBytes(certificate.publicKey, publicKey)) throw lineFault('CERTIFICATE_NOT_FOR_KEY', { uid })
  return certificate
}

/**
 * Gives the certificate of a device that was made before and not locked: the one in the element, if it is the one on
 * record.
 *
 * @throws `DEVICE_CERTIFICATE_CHANGED` (operator)
 */
export async function readMadeCertificate({ element, uid, slots, earlier }: Bench): Promise<Certificate> {
  const der = await element.readCertificate(slots.certificate)
  const fingerprint = der && createHash('sha256').update(der).digest('hex')
  if (der === undefined || fingerprint !== earlier?.fingerprint) throw lineFault('DEVICE_CERTIFICATE_CHANGED', { uid })
  return parseCertificate(der)
}

/** Writes a certificate into a slot and reads it back. @throws `READ_BACK_DIFFERS` (operator) */
export async function writeCertificate({ element, uid }: Bench, slot: string, der: Uint8Array): Promise<void> {
  await element.writeCertificate(slot, der)
  const stored = await element.readCertificate(slot)
  if (stored === undefined || !equalBytes(stored, der)) throw lineFault('READ_BACK_DIFFERS', { uid, slot })
}

/**
 * Has the element sign something it could not know before, and verifies the signature with the key of the
 * certificate: what the next company trusts is this certificate in this element.
 *
 * @throws `DEVICE_KEY_CHANGED` (operator)
 */
export async function challenge(bench: Bench, certificate: Certificate, { entropy }: Station): Promise<void> {
  const { element, uid, slots } = bench
  const message = entropy.bytes(CHALLENGE_BYTES)
  const { publicKey } = certificate
  const signer = elementSigner(element, slots.key, publicKey)
  const signature = await signer.sign(message)
  if (!verifySignature({ publicKey, algorithm: signer.algorithm, message, signature })) {
    throw lineFault('DEVICE_KEY_CHANGED', { uid })
  }
}

/**
 * Locks what the order wants locked, where it is not yet; tells how the weakest of these locks holds.
 *
 * @throws `LOCK_INEFFECTIVE` (operator)
 */
export async function lock({ element, uid, slots, earlier }: Bench, { order }: Station): Promise<LockStrength> {
  let weakest: LockStrength = 'enforced'
  for (const target of order.locks) {
    const slot = slots[target]
    // What was written a moment ago is not locked; only a device that was interrupted may be.
    if (earlier === undefined || !(await element.isLocked(slot))) {
      await element.lock(slot)
      if (!(await element.isLocked(slot))) throw lineFault('LOCK_INEFFECTIVE', { uid, slot })
    }
    if ((await element.lockStrength?.(slot)) === 'recorded') weakest = 'recorded'
  }
  return weakest
}

/** Has the vendor's key in the element sign for the CSR; `undefined` from an element that no vendor vouches for. */
async function vendorEvidence(element: SecureElement, csr: Uint8Array): Promise<VendorEvidence | undefined> {
  const { vendorSlots } = element
  if (vendorSlots === undefined) return undefined
  const certificate = await element.readCertificate(vendorSlots.certificate)
  if (certificate === undefined) return undefined
  const digest = createHash('sha256').update(csr).digest()
  return { certificate, signature: await element.signDigest(vendorSlots.key, digest) }
}

/** Asks the authority; where it says that the CSR is not signed by its key, looks itself: then it is the element. */
async function issueTo(request: DeviceRequest, authority: IssuingAuthority): Promise<IssuedCertificate> {
  try {
    return await authority.issue(request)
  } catch (error) {
    if (isFault(error, 'CSR_SIGNATURE_INVALID') && !isSignedByItsKey(request.csr)) {
      throw lineFault('DEVICE_KEY_CHANGED', { uid: request.uid }, error)
    }
    throw error
  }
}

function isSignedByItsKey(csr: Uint8Array): boolean {
  try {
    verifyCsr(csr)
    return true
  } catch (error) {
    if (isFault(error, 'CSR_SIGNATURE_INVALID')) return false
    throw error
  }
}

/** As many as the digest has: fewer could be guessed, more are hashed down. */
const CHALLENGE_BYTES = 32
