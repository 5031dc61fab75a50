import { toHex } from '../kernel/index.ts'
import { DerError, DerReader, enterDer, TAG } from './der.ts'
import { readOid, readText } from './der-values.ts'
import { type DerNode, derNode, encodeDer, encodeOid, OID_TEXT } from './der-writer.ts'
import { x509Fault } from './faults.ts'

/** One attribute of a name: a short name such as `CN`, or the dotted OID of a type that has none here. */
export interface NameAttribute {
  readonly type: string
  /** The text; `#` and the DER in hex where the value is of no string type (RFC 4514 §2.4). */
  readonly value: string
}

/**
 * The name of a subject or issuer, attributes in the order of the encoding (RFC 5280 §4.1.2.4). The values of a
 * multi-valued part stand beside each other; that they were one part is not kept.
 */
export type DistinguishedName = readonly NameAttribute[]

/** Most attributes in a name that is read; names in use have under ten. */
export const NAME_ATTRIBUTES_COUNT_MAX = 64

/** Writes a name for people, most specific attribute first, special characters escaped (RFC 4514 §2). */
export function formatName(name: DistinguishedName): string {
  return name
    .map(({ type, value }) => `${type}=${escapeValue(value)}`)
    .reverse()
    .join(',')
}

/** Reads the DER of a Name. */
export function readName(der: Uint8Array): DistinguishedName {
  const attributes: NameAttribute[] = []
  const parts = enterDer(der, TAG.SEQUENCE)
  while (!parts.isAtEnd) {
    const part = parts.enter(TAG.SET)
    do attributes.push(readAttribute(part.enter(TAG.SEQUENCE)))
    while (!part.isAtEnd)
    if (attributes.length > NAME_ATTRIBUTES_COUNT_MAX) throw new DerError('a name with too many attributes')
  }
  return attributes
}

/**
 * Writes the DER of a Name, each attribute a part of its own.
 *
 * @throws `NAME_INVALID` (caller)
 */
export function encodeName(name: DistinguishedName): Uint8Array {
  return encodeDer(TAG.SEQUENCE, ...name.map(attributeNode))
}

/** Gives the same as part of what is written. @throws `NAME_INVALID` (caller) */
export function nameNode(name: DistinguishedName): DerNode {
  return derNode(TAG.SEQUENCE, ...name.map(attributeNode))
}

function readAttribute(fields: DerReader): NameAttribute {
  const oid = readOid(fields.content(TAG.OID))
  const value = fields.next()
  fields.end()
  return { type: ROW_BY_OID.get(oid)?.type ?? oid, value: readText(value) ?? `#${toHex(value.raw)}` }
}

function attributeNode({ type, value }: NameAttribute): DerNode {
  const row = ROW_BY_TYPE.get(type) ?? { oid: type, string: 'utf8', longest: VALUE_CHARACTERS_MAX }
  if (!OID_TEXT.test(row.oid)) throw x509Fault('NAME_INVALID', { type: type.slice(0, 40), why: 'the type is unknown' })
  const why = refusalOf(value, row)
  if (why !== undefined) throw x509Fault('NAME_INVALID', { type, why })
  const oid = OID_DER.get(row.oid) ?? encodeOid(row.oid)
  return derNode(TAG.SET, derNode(TAG.SEQUENCE, oid, derNode(STRINGS[row.string].tag, Buffer.from(value))))
}

function refusalOf(value: string, row: { string: StringType; longest: number }): string | undefined {
  if (value === '') return 'it is empty'
  if (value.length > row.longest) return `it is longer than ${row.longest} characters`
  return STRINGS[row.string].allowed.test(value) && value.isWellFormed() ? undefined : STRINGS[row.string].rule
}

/** RFC 4514 §2.4, and control characters as well, so that a name is always one harmless line. */
function escapeValue(value: string): string {
  return value
    .replaceAll(/["+,;<>\\]/g, '\\$&')
    .replaceAll(CONTROL_CHARACTERS, (character) =>
      [...Buffer.from(character)].map((octet) => `\\${hex(octet)}`).join(''),
    )
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
}

function hex(octet: number): string {
  return toHex(Uint8Array.of(octet))
}

type StringType = 'utf8' | 'printable' | 'country' | 'ia5'

interface AttributeRow {
  readonly type: string
  readonly oid: string
  readonly string: StringType
  /** Upper bound in characters. */
  readonly longest: number
}

const PRINTABLE = /^[A-Za-z0-9 '()+,\-./:=?]*$/

/** How each kind of value is written, and which characters it can hold; all but the first kind are ASCII. */
const STRINGS: Readonly<Record<StringType, { allowed: RegExp; rule: string; tag: number }>> = {
  utf8: { allowed: /^/, rule: 'it is not Unicode text', tag: TAG.UTF8_STRING },
  printable: {
    allowed: PRINTABLE,
    rule: "it must be a PrintableString: letters, digits, space and '()+,-./:=?",
    tag: TAG.PRINTABLE_STRING,
  },
  country: { allowed: /^[A-Z]{2}$/, rule: 'it must be two capital letters', tag: TAG.PRINTABLE_STRING },
  ia5: { allowed: /^[\x20-\x7e]*$/, rule: 'it must be printable ASCII', tag: TAG.IA5_STRING },
}

/** Upper bound where RFC 5280 sets none, or one of 32 768 (ub-name), in characters. */
const VALUE_CHARACTERS_MAX = 256

/** Attribute types with a short name; string types and upper bounds from RFC 5280 Appendix A.1. */
const ATTRIBUTES: readonly AttributeRow[] = [
  { type: 'CN', oid: '2.5.4.3', string: 'utf8', longest: 64 },
  { type: 'SN', oid: '2.5.4.4', string: 'utf8', longest: VALUE_CHARACTERS_MAX },
  { type: 'serialNumber', oid: '2.5.4.5', string: 'printable', longest: 64 },
  { type: 'C', oid: '2.5.4.6', string: 'country', longest: 2 },
  { type: 'L', oid: '2.5.4.7', string: 'utf8', longest: 128 },
  { type: 'ST', oid: '2.5.4.8', string: 'utf8', longest: 128 },
  { type: 'O', oid: '2.5.4.10', string: 'utf8', longest: 64 },
  { type: 'OU', oid: '2.5.4.11', string: 'utf8', longest: 64 },
  { type: 'title', oid: '2.5.4.12', string: 'utf8', longest: 64 },
  { type: 'GN', oid: '2.5.4.42', string: 'utf8', longest: VALUE_CHARACTERS_MAX },
  { type: 'initials', oid: '2.5.4.43', string: 'utf8', longest: VALUE_CHARACTERS_MAX },
  { type: 'generationQualifier', oid: '2.5.4.44', string: 'utf8', longest: VALUE_CHARACTERS_MAX },
  { type: 'dnQualifier', oid: '2.5.4.46', string: 'printable', longest: VALUE_CHARACTERS_MAX },
  { type: 'pseudonym', oid: '2.5.4.65', string: 'utf8', longest: 128 },
  { type: 'DC', oid: '0.9.2342.19200300.100.1.25', string: 'ia5', longest: VALUE_CHARACTERS_MAX },
  { type: 'emailAddress', oid: '1.2.840.113549.1.9.1', string: 'ia5', longest: 255 },
]
const ROW_BY_TYPE: ReadonlyMap<string, AttributeRow> = new Map(ATTRIBUTES.map((row) => [row.type, row]))
const ROW_BY_OID: ReadonlyMap<string, AttributeRow> = new Map(ATTRIBUTES.map((row) => [row.oid, row]))

/** The types with a short name, ready to be written. */
const OID_DER: ReadonlyMap<string, Uint8Array> = new Map(ATTRIBUTES.map(({ oid }) => [oid, encodeOid(oid)]))

const CONTROL_CHARACTERS = /\p{Cc}/gu
