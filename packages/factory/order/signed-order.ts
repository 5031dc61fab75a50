import { createHash } from 'node:crypto'
import { encodeUtf8, equalBytes, type Fault, type Instant, isFault } from '@birthmark/foundation/kernel'
import { fromPem, pointFromSpki, type Signer, spkiFromPoint, verifySignature } from '@birthmark/foundation/x509'
import { orderFault } from './faults.ts'
import { parseWorkOrder, type WorkOrder } from './work-order.ts'

/** Who may give orders, to whom, and what time it is. */
export interface OrderRules {
  /** The DER SubjectPublicKeyInfo of the one maker whose orders are taken; without it orders are taken unsigned. */
  readonly makerKey?: Uint8Array
  /** The id of the key of the station that asks. */
  readonly station?: string
  readonly now: Instant
}

/**
 * Reads a work order and judges whether it may be used: signed by the pinned maker where there is one, not ended, and
 * for this station. Whether all of it was used up before is known to the authority alone.
 *
 * The signature covers the bytes of the file before it, so that there is no canonical form of JSON to agree on.
 *
 * @throws `ORDER_INVALID`, `ORDER_MAKER_NOT_PINNED`, `ORDER_UNSIGNED`, `ORDER_SIGNER_UNKNOWN`,
 * `ORDER_SIGNATURE_INVALID`, `ORDER_EXPIRED`, `ORDER_FOR_OTHER_STATION` (all operator)
 */
export function openWorkOrder(text: string, { makerKey, station, now }: OrderRules): WorkOrder {
  const order = makerKey === undefined ? parseWorkOrder(text) : parseSigned(text, makerKey)
  assertNotEnded(order, now)
  if (order.stations !== undefined && (station === undefined || !order.stations.includes(station))) {
    throw orderFault('ORDER_FOR_OTHER_STATION', { order: order.id })
  }
  return order
}

/** Refuses an order that has ended. @throws `ORDER_EXPIRED` (operator) */
export function assertNotEnded(order: { readonly id: string; readonly until?: Instant }, now: Instant): void {
  if (order.until === undefined || now <= order.until) return
  throw orderFault('ORDER_EXPIRED', { order: order.id, until: new Date(order.until).toISOString() })
}

/**
 * Signs a work order as its maker.
 *
 * @param text An order without a signature.
 * @returns The order on one line, with its signature as the last member.
 * @throws `ORDER_INVALID`, `ORDER_MAKER_NOT_PINNED` when it is signed already, `ORDER_MAKER_KEY_UNFIT` (operator), and
 * what the signer throws
 */
export async function signWorkOrder(text: string, signer: Signer): Promise<string> {
  parseWorkOrder(text)
  if (signer.algorithm !== ALGORITHM) throw orderFault('ORDER_MAKER_KEY_UNFIT', { why: 'it is no P-256 key' })
  const signed = JSON.stringify(JSON.parse(text)).slice(0, -1)
  const value = Buffer.from(await signer.sign(encodeUtf8(signed))).toString('base64')
  return `${signed},"signature":{"key":"${fingerprint(signer.publicKey)}","value":"${value}"}}\n`
}

/**
 * Reads the public key of a maker from PEM.
 *
 * @throws `ORDER_MAKER_KEY_UNFIT`
 */
export function parseMakerKey(pem: string): Uint8Array {
  try {
    const [key, ...others] = fromPem(pem, 'PUBLIC KEY')
    const sound = key && others.length === 0 ? spkiFromPoint('p256', pointFromSpki(key)) : undefined
    if (key !== undefined && sound !== undefined && equalBytes(key, sound)) return key
  } catch (error) {
    throw orderFault('ORDER_MAKER_KEY_UNFIT', { why: 'it is no P-256 key in PEM' }, error)
  }
  throw orderFault('ORDER_MAKER_KEY_UNFIT', { why: 'one PEM block PUBLIC KEY was expected' })
}

function parseSigned(text: string, makerKey: Uint8Array): WorkOrder {
  const found = SIGNATURE.exec(text)
  if (found === null) throw notSigned(text)
  const [, key = '', value = ''] = found
  if (key !== fingerprint(makerKey)) throw orderFault('ORDER_SIGNER_UNKNOWN', { key })
  const signed = text.slice(0, found.index)
  const signature = Buffer.from(value, 'base64')
  const message = encodeUtf8(signed)
  const canonical = signature.toString('base64') === value
  if (!canonical || !verifySignature({ publicKey: makerKey, algorithm: ALGORITHM, message, signature })) {
    throw orderFault('ORDER_SIGNATURE_INVALID')
  }
  return parseWorkOrder(`${signed}}`)
}

/** Says whether nobody signed it, or not in the one way there is. */
function notSigned(text: string): Fault {
  try {
    parseWorkOrder(text)
    return orderFault('ORDER_UNSIGNED')
  } catch (error) {
    if (isFault(error, 'ORDER_MAKER_NOT_PINNED')) return orderFault('ORDER_SIGNATURE_INVALID', {}, error)
    if (isFault(error)) return error
    throw error
  }
}

function fingerprint(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

/** The one way in which orders are signed; the pinned key decides, not the file. */
const ALGORITHM = 'ecdsa-p256-sha256'

/** The end of a signed order, exactly as {@link signWorkOrder} writes it. */
const SIGNATURE = /,"signature":\{"key":"([0-9a-f]{64})","value":"([A-Za-z0-9+/]{90,100}={0,2})"\}\}\n?$/
