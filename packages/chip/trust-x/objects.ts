import { CONDITION_ALWAYS, CONDITION_NEVER, CONDITION_UNTIL_LOCKED, LIFECYCLE } from './access.ts'

/** What an object is for; decides which commands take it. */
export type ObjectKind = 'status' | 'certificate' | 'trust-anchor' | 'key' | 'session' | 'data'

/** One object as it is now. Values are never changed in place: chips share the ones they came with. */
export interface StoredObject {
  /** LcsO; an object without one counts as operational. */
  readonly lifecycle?: number
  /** Access conditions; one that is missing means never. */
  readonly change?: Uint8Array
  readonly read?: Uint8Array
  readonly delete?: Uint8Array
  readonly execute?: Uint8Array
  /** Of the key in this slot: algorithm identifier and usage bits. */
  readonly algorithm?: number
  readonly usage?: number
  /** The used part; in a key slot the private scalar, nothing while the slot is empty. */
  readonly content: Uint8Array
}

/** What is fixed about one object. */
export interface ObjectDefinition {
  readonly oid: number
  readonly kind: ObjectKind
  /** Largest content, in bytes; 0 where the metadata tells no size. */
  readonly bytesMax: number
  /** As a chip leaves the works without anybody's data. */
  readonly initial: StoredObject
}

/** The object identifiers that code speaks of by name. */
export const OID = {
  GLOBAL_LIFECYCLE: 0xe0c0,
  GLOBAL_SECURITY_STATUS: 0xe0c1,
  UID: 0xe0c2,
  SLEEP_DELAY: 0xe0c3,
  CURRENT_LIMIT: 0xe0c4,
  SECURITY_EVENTS: 0xe0c5,
  APDU_SIZE: 0xe0c6,
  VENDOR_CERTIFICATE: 0xe0e0,
  CERTIFICATE_1: 0xe0e1,
  CERTIFICATE_2: 0xe0e2,
  CERTIFICATE_3: 0xe0e3,
  TRUST_ANCHOR: 0xe0e8,
  PLATFORM_ANCHOR: 0xe0ef,
  VENDOR_KEY: 0xe0f0,
  KEY_1: 0xe0f1,
  KEY_2: 0xe0f2,
  KEY_3: 0xe0f3,
  SESSION_1: 0xe100,
  SESSION_4: 0xe103,
  APPLICATION_LIFECYCLE: 0xf1c0,
  APPLICATION_SECURITY_STATUS: 0xf1c1,
  LAST_ERROR: 0xf1c2,
  DATA_1: 0xf1d0,
  DATA_16: 0xf1df,
  BIG_DATA_1: 0xf1e0,
  BIG_DATA_2: 0xf1e1,
} as const

/** Length of the coprocessor UID, in bytes. */
export const UID_BYTES = 27

const UNTIL_LOCKED = CONDITION_UNTIL_LOCKED
const EMPTY = new Uint8Array(0)

function status(oid: number, content: readonly number[], isWritable: boolean): ObjectDefinition {
  const change = isWritable ? CONDITION_ALWAYS : CONDITION_NEVER
  const initial = { change, read: CONDITION_ALWAYS, content: Uint8Array.from(content) }
  return { oid, kind: 'status', bytesMax: content.length, initial }
}

function data(oid: number, kind: ObjectKind, bytesMax: number, lifecycle: number): ObjectDefinition {
  const initial = { lifecycle, change: UNTIL_LOCKED, read: CONDITION_ALWAYS, content: EMPTY }
  return { oid, kind, bytesMax, initial }
}

function key(oid: number, lifecycle: number, change: Uint8Array): ObjectDefinition {
  return { oid, kind: 'key', bytesMax: 0, initial: { lifecycle, change, execute: CONDITION_ALWAYS, content: EMPTY } }
}

function session(oid: number): ObjectDefinition {
  return { oid, kind: 'session', bytesMax: 0, initial: { execute: CONDITION_ALWAYS, content: EMPTY } }
}

function series(first: number, last: number, define: (oid: number) => ObjectDefinition): ObjectDefinition[] {
  return Array.from({ length: last - first + 1 }, (_, index) => define(first + index))
}

const DEFINITIONS: readonly ObjectDefinition[] = [
  status(OID.GLOBAL_LIFECYCLE, [LIFECYCLE.OPERATIONAL], true),
  status(OID.GLOBAL_SECURITY_STATUS, [0x00], true),
  status(
    OID.UID,
    Array.from({ length: UID_BYTES }, () => 0),
    false,
  ),
  status(OID.SLEEP_DELAY, [20], true),
  status(OID.CURRENT_LIMIT, [6], true),
  status(OID.SECURITY_EVENTS, [0], false),
  status(OID.APDU_SIZE, [0x06, 0x15], false),
  data(OID.VENDOR_CERTIFICATE, 'certificate', 1728, LIFECYCLE.OPERATIONAL),
  ...series(OID.CERTIFICATE_1, OID.CERTIFICATE_3, (oid) => data(oid, 'certificate', 1728, LIFECYCLE.CREATION)),
  data(OID.TRUST_ANCHOR, 'trust-anchor', 1024, LIFECYCLE.CREATION),
  data(OID.PLATFORM_ANCHOR, 'trust-anchor', 1024, LIFECYCLE.CREATION),
  key(OID.VENDOR_KEY, LIFECYCLE.OPERATIONAL, CONDITION_NEVER),
  ...series(OID.KEY_1, OID.KEY_3, (oid) => key(oid, LIFECYCLE.CREATION, UNTIL_LOCKED)),
  ...series(OID.SESSION_1, OID.SESSION_4, session),
  status(OID.APPLICATION_LIFECYCLE, [LIFECYCLE.CREATION], true),
  status(OID.APPLICATION_SECURITY_STATUS, [0x00], true),
  status(OID.LAST_ERROR, [0x00], false),
  ...series(OID.DATA_1, OID.DATA_16, (oid) => data(oid, 'data', 100, LIFECYCLE.CREATION)),
  ...series(OID.BIG_DATA_1, OID.BIG_DATA_2, (oid) => data(oid, 'data', 1500, LIFECYCLE.CREATION)),
]

/**
 * Every object of a Trust X, by its identifier: sizes, default access conditions and lifecycles.
 *
 * Source: object map with default access conditions (optiga_trust_x_ac_metadata), values printed by chips with
 * firmware 1.40.1118; where they disagree see docs/reference/trust-x-choices.md.
 */
export const OBJECTS: ReadonlyMap<number, ObjectDefinition> = new Map(DEFINITIONS.map((row) => [row.oid, row]))
