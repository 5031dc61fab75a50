import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { BirthKind } from '@birthmark/factory/ledger'
import { deviceSubject } from '@birthmark/factory/order'
import { equalBytes } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, type Signer } from '@birthmark/foundation/x509'
import { lineFault } from '../faults.ts'
import { isFinished, type Station } from '../station.ts'
import type { Credential } from './credential.ts'

/** Keys that were made and whose package is not on record yet, so that an interruption loses none. */
export interface DraftKeys {
  /** Gives the draft of a device, as {@link save} was given it. */
  load(uid: string): string | undefined
  /** Keeps a private key, PKCS#8 in PEM; encrypted, and on the disk when this returns. */
  save(uid: string, privateKey: string): void
  remove(uid: string): void
}

/** What injecting needs. */
export interface InjectionOptions {
  readonly station: Omit<Station, 'inWork'>
  readonly drafts: DraftKeys
  readonly birth: BirthKind
  /** Hands the credential on; it is on the disk, or in the part, when this returns. */
  readonly deliver: (credential: Credential) => Promise<void>
}

/** How an injected device came out. */
export interface InjectionResult {
  readonly outcome: 'made' | 'made-before'
  readonly uid: string
  /** SHA-256 of the certificate, hex. */
  readonly fingerprint: string
}

/**
 * Makes the identity of a part that cannot make its own key: the key is made here, certified, delivered and forgotten.
 * Interrupted anywhere, the same device is finished with the same key the next time.
 *
 * @throws `ORDER_LOCKS_IMPOSSIBLE`, `DEVICE_SCRAPPED`, `DEVICE_OF_OTHER_ORDER`, `BIRTH_KEY_LOST` (operator), and what
 * authority, ledger and delivery throw
 */
export async function injectIdentity(uid: string, options: InjectionOptions): Promise<InjectionResult> {
  const { station, drafts, birth, deliver } = options
  const { order, ledger, authority } = station
  if (order.locks.length > 0) throw lineFault('ORDER_LOCKS_IMPOSSIBLE', { order: order.id })
  const earlier = ledger.device(uid)
  if (earlier?.stage === 'scrapped') throw lineFault('DEVICE_SCRAPPED', { uid })
  if (earlier !== undefined && earlier.order !== order.id) {
    throw lineFault('DEVICE_OF_OTHER_ORDER', { uid, order: earlier.order })
  }
  if (isFinished(earlier?.stage, order)) return { outcome: 'made-before', uid, fingerprint: earlier?.fingerprint ?? '' }

  const key = draftOf(uid, drafts)
  const signer = signerOf(key)
  if (earlier?.publicKey === undefined) {
    await ledger.record({ kind: 'begun', order: order.id, uid, publicKey: signer.publicKey, birth })
  } else if (!equalBytes(earlier.publicKey, signer.publicKey)) {
    await ledger.record({ kind: 'scrapped', order: order.id, uid, reason: 'BIRTH_KEY_LOST' })
    drafts.remove(uid)
    throw lineFault('BIRTH_KEY_LOST', { uid })
  }
  const challenge = await authority.challenge?.(uid)
  const subject = deviceSubject(order.subject, order.product, uid)
  const csr = await createCsr({ subject, signer, ...(challenge !== undefined && { challenge }) })
  const { certificate, intermediates, root } = await authority.issue({ csr, uid })
  const { publicKey, fingerprint } = parseCertificate(certificate)
  if (!equalBytes(publicKey, signer.publicKey)) throw lineFault('CERTIFICATE_NOT_FOR_KEY', { uid })
  await deliver({
    uid,
    privateKey: pemOf(key),
    certificate,
    chain: [...intermediates, root],
    ...(order.trustAnchor !== undefined && { trustAnchor: order.trustAnchor }),
  })
  await ledger.record({ kind: 'made', order: order.id, uid, fingerprint, certificate })
  drafts.remove(uid)
  return { outcome: 'made', uid, fingerprint }
}

/**
 * Names the claim of a batch as a device is named. The same batch is the same device, so that authority and ledger
 * hold it to one claim: a second one, with another key, is refused.
 */
export function claimNumber(batch: string): string {
  return createHash('sha256').update(`birthmark-claim/1\n${batch}`).digest('hex').slice(0, CLAIM_HEX_DIGITS)
}

/** The key of an earlier, interrupted run, or a new one that is on the disk when this returns. */
function draftOf(uid: string, drafts: DraftKeys): KeyObject {
  const kept = drafts.load(uid)
  if (kept !== undefined) return createPrivateKey(kept)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  drafts.save(uid, pemOf(privateKey))
  return privateKey
}

function signerOf(key: KeyObject): Signer {
  return {
    algorithm: 'ecdsa-p256-sha256',
    publicKey: new Uint8Array(createPublicKey(key).export({ format: 'der', type: 'spki' })),
    sign: (message) => Promise.resolve(new Uint8Array(sign('sha256', message, key))),
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString()
}

const CLAIM_HEX_DIGITS = 32
