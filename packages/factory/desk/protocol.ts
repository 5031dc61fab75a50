import { type Members, type Parsed, readJsonObject } from '@birthmark/factory/json'
import { ELEMENT_UID, ORDER_ID } from '@birthmark/factory/ledger'
import type { DeviceRequest } from '@birthmark/factory/order'
import { CSR_BYTES_MAX, pointFromSpki, spkiFromPoint } from '@birthmark/foundation/x509'

/** What a station says. Each message is one line of signed JSON, see docs/reference/station-desk.md. */
export type StationMessage =
  /** Begins a session under an order. */
  | {
      readonly op: 'hello'
      readonly station: string
      readonly publicKey: Uint8Array
      /** The token that the station was given last; empty the first time. */
      readonly token: string
      /** The order, as its file holds it. */
      readonly order: string
    }
  /** Asks for certificates. */
  | (InSession & { readonly op: 'issue'; readonly allotment?: string; readonly devices: readonly DeviceRequest[] })
  /** Asks for leave to work without the authority. */
  | (InSession & { readonly op: 'allot'; readonly count: number; readonly hours: number })
  /** Gives an allotment back, and accounts for it. */
  | (InSession & {
      readonly op: 'settle'
      readonly allotment: string
      /** Elements that were begun under it and will never be devices; not more than fit into one message. */
      readonly scrapped: readonly string[]
      /** Whether this is all, so that the rest of the allotment goes back to the order. */
      readonly last: boolean
    })

/** Every message but the first names the session, and counts. */
interface InSession {
  readonly station: string
  readonly token: string
  /** Above that of every message before it in this session. */
  readonly counter: number
  /** The number of the order. */
  readonly order: string
}

/** Longest message, in characters: as many devices as one may ask for, each with a CSR of the usual size. */
export const MESSAGE_CHARACTERS_MAX = 1_048_576

/** Devices that one message may ask for. */
export const DEVICES_PER_MESSAGE_MAX = 64

/** Reads a message, whose signature is looked at elsewhere. Any text gives an answer. */
export function parseMessage(content: string): Parsed<StationMessage> {
  return readJsonObject(content, readMessage)
}

/** Writes the members of a message as plain JSON data. */
export function messageJson(message: StationMessage): object {
  if (message.op === 'hello') return { ...message, publicKey: base64(message.publicKey) }
  if (message.op !== 'issue') return message
  return { ...message, devices: message.devices.map(deviceJson) }
}

function deviceJson({ uid, csr, vendor }: DeviceRequest): object {
  const evidence = vendor && { certificate: base64(vendor.certificate), signature: base64(vendor.signature) }
  return { uid, csr: base64(csr), ...(evidence !== undefined && { vendor: evidence }) }
}

function readMessage(members: Members): StationMessage {
  const op = members.word('op', ['hello', 'issue', 'allot', 'settle'])
  const station = members.text('station', SHA256, 'the id of a station key')
  const token = members.text('token', op === 'hello' ? /^(?:[0-9a-f]{64})?$/ : SHA256, 'a token')
  if (op === 'hello') {
    const publicKey = members.base64('publicKey', PUBLIC_KEY_BYTES_MAX)
    if (!isP256(publicKey)) members.refuse('publicKey', 'must be a P-256 key')
    return { op, station, token, publicKey, order: members.text('order', /^[^]{1,131072}$/, 'the text of an order') }
  }
  const session = {
    station,
    token,
    counter: members.integer('counter', 1, Number.MAX_SAFE_INTEGER),
    order: members.text('order', ORDER_ID, 'the number of an order'),
  }
  if (op === 'allot') {
    const count = members.integer('count', 1, Number.MAX_SAFE_INTEGER)
    return { op, ...session, count, hours: members.integer('hours', 1, Number.MAX_SAFE_INTEGER) }
  }
  if (op === 'settle') {
    const scrapped = members.texts('scrapped', ELEMENT_UID, 'element numbers', { least: 0 })
    return { op, ...session, allotment: allotmentOf(members), scrapped, last: members.flag('last') }
  }
  const allotment = members.has('allotment') && { allotment: allotmentOf(members) }
  return { op, ...session, ...allotment, devices: readDevices(members) }
}

function readDevices(members: Members): readonly DeviceRequest[] {
  const devices = members.objects('devices', readDevice)
  if (devices.length === 0 || devices.length > DEVICES_PER_MESSAGE_MAX) {
    members.refuse('devices', `must be 1 to ${DEVICES_PER_MESSAGE_MAX}`)
  }
  return devices
}

function readDevice(members: Members): DeviceRequest {
  const vendor = members.has('vendor')
    ? members.object('vendor', (inner) => ({
        certificate: inner.base64('certificate', VENDOR_CERTIFICATE_BYTES_MAX),
        signature: inner.base64('signature', 80),
      }))
    : undefined
  return {
    uid: members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case'),
    csr: members.base64('csr', CSR_BYTES_MAX),
    ...(vendor !== undefined && { vendor }),
  }
}

function allotmentOf(members: Members): string {
  return members.text('allotment', /^[0-9a-f]{32}$/, 'the number of an allotment')
}

function isP256(publicKey: Uint8Array): boolean {
  try {
    return Buffer.from(spkiFromPoint('p256', pointFromSpki(publicKey))).equals(publicKey)
  } catch {
    return false
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

const SHA256 = /^[0-9a-f]{64}$/

/** A SubjectPublicKeyInfo of P-256 has 91 bytes. */
const PUBLIC_KEY_BYTES_MAX = 128

/** The object for it in a Trust X holds 1728 bytes. */
const VENDOR_CERTIFICATE_BYTES_MAX = 4096
