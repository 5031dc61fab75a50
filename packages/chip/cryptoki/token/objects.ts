import { encodeUtf8, equalBytes } from '@birthmark/foundation/kernel'
import { type Attribute, type AttributeValue, shapeOf } from '../attribute.ts'
import { type PublicPoint, wrapPoint, writeSpki } from '../curves.ts'
import { readCertificateFields } from '../der.ts'
import { CKA, CKC, CKK, CKM, CKO } from '../standard.ts'
import type { StoredCertificate, StoredData, StoredKey, StoredObject } from './source.ts'
import { wholeValue } from './template.ts'

/** The attributes of an object, by type. */
export type Attributes = ReadonlyMap<number, AttributeValue>

/** One object as a program sees it: in a token, or of a session. */
export interface TokenObject {
  readonly handle: bigint
  readonly kind: ObjectKind
  readonly attributes: Attributes
  /** What it shows of the token; absent for objects of a session. */
  readonly stored?: StoredObject
  /** A second label under which it is found. */
  readonly alias?: string | undefined
  /** The public half, of public keys that a signature can be verified with. */
  readonly publicKey?: PublicPoint
}

/** The kinds of objects there are. */
export type ObjectKind = 'private-key' | 'public-key' | 'certificate' | 'data' | 'secret-key'

/** An object that has no handle yet. */
export type NewObject = Omit<TokenObject, 'handle'>

/** Gives what programs see of something stored: a key pair is two objects. */
export function objectsOf(stored: StoredObject): readonly NewObject[] {
  switch (stored.kind) {
    case 'key':
      return [privateKey(stored), publicKey(stored)]
    case 'certificate':
      return certificate(stored)
    case 'data':
      return [{ kind: 'data', stored, alias: stored.alias, attributes: dataAttributes(stored) }]
  }
}

/** Tells whether an object has every attribute of a template, as C_FindObjectsInit asks. */
export function isMatch(object: TokenObject, template: readonly Attribute[]): boolean {
  return template.every(({ type, value }) => {
    const own = object.attributes.get(type)
    if (value === undefined || own === undefined || isSecret(object, type)) return false
    const wanted = wholeValue(value)
    if (isEqual(own, wanted)) return true
    return type === CKA.LABEL && object.alias !== undefined && isEqual(encodeUtf8(object.alias), wanted)
  })
}

/** Whether an attribute exists but must not be told: a private key's value, a secret key's that is sensitive. */
export function isSecret({ kind, attributes }: TokenObject, type: number): boolean {
  if (type !== CKA.VALUE) return false
  if (kind === 'private-key') return true
  return kind === 'secret-key' && (attributes.get(CKA.SENSITIVE) !== 0 || attributes.get(CKA.EXTRACTABLE) !== 1)
}

/** Flags as attributes, each in the form that its type has on the wire. */
export function flags(types: readonly number[], value: 0 | 1): readonly (readonly [number, AttributeValue])[] {
  // CKA_DESTROYABLE travels as bytes: the wire does not know it.
  return types.map((type) => [type, shapeOf(type) === 'byte' ? value : Uint8Array.of(value)])
}

function privateKey(stored: StoredKey): NewObject {
  const yes = [CKA.TOKEN, CKA.PRIVATE, CKA.SENSITIVE, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.LOCAL, CKA.SIGN]
  const no = [CKA.EXTRACTABLE, CKA.MODIFIABLE, CKA.COPYABLE, CKA.ALWAYS_AUTHENTICATE, CKA.WRAP_WITH_TRUSTED]
  const unused = [CKA.DECRYPT, CKA.UNWRAP, CKA.SIGN_RECOVER]
  const attributes = new Map<number, AttributeValue>([
    ...keyAttributes(stored, CKO.PRIVATE_KEY),
    ...flags(yes, 1),
    ...flags([...no, ...unused], 0),
    ...flags([CKA.DERIVE], stored.mayDerive ? 1 : 0),
    ...flags([CKA.DESTROYABLE], stored.isChangeable ? 1 : 0),
    [CKA.ALLOWED_MECHANISMS, []],
  ])
  return { kind: 'private-key', stored, alias: stored.alias, attributes }
}

function publicKey(stored: StoredKey): NewObject {
  const no = [
    CKA.PRIVATE,
    CKA.MODIFIABLE,
    CKA.COPYABLE,
    // It goes with its private key.
    CKA.DESTROYABLE,
    CKA.ENCRYPT,
    CKA.WRAP,
    CKA.VERIFY_RECOVER,
    CKA.DERIVE,
    CKA.TRUSTED,
  ]
  const attributes = new Map<number, AttributeValue>([
    ...keyAttributes(stored, CKO.PUBLIC_KEY),
    ...flags([CKA.TOKEN, CKA.LOCAL, CKA.VERIFY], 1),
    ...flags(no, 0),
    [CKA.EC_POINT, wrapPoint(stored.point)],
  ])
  return { kind: 'public-key', stored, alias: stored.alias, attributes, publicKey: stored }
}

function keyAttributes(stored: StoredKey, objectClass: bigint): readonly (readonly [number, AttributeValue])[] {
  return [
    [CKA.CLASS, objectClass],
    [CKA.KEY_TYPE, CKK.EC],
    [CKA.ID, stored.id],
    [CKA.LABEL, encodeUtf8(stored.label)],
    [CKA.EC_PARAMS, stored.curve.parameters],
    [CKA.PUBLIC_KEY_INFO, writeSpki(stored)],
    [CKA.KEY_GEN_MECHANISM, BigInt(CKM.EC_KEY_PAIR_GEN)],
    [CKA.SUBJECT, NOTHING],
    [CKA.START_DATE, NOTHING],
    [CKA.END_DATE, NOTHING],
  ]
}

/** None when what is stored is no certificate that could be shown. */
function certificate(stored: StoredCertificate): readonly NewObject[] {
  const shown = certificateAttributes(stored.der)
  if (shown === undefined) return []
  const attributes = new Map<number, AttributeValue>([
    ...shown,
    [CKA.CERTIFICATE_CATEGORY, stored.isAnchor ? CATEGORY_AUTHORITY : CATEGORY_TOKEN_USER],
    ...flags([CKA.TOKEN], 1),
    ...flags([CKA.TRUSTED], stored.isTrusted ? 1 : 0),
    ...flags([CKA.PRIVATE, CKA.MODIFIABLE, CKA.COPYABLE], 0),
    ...flags([CKA.DESTROYABLE], stored.isChangeable ? 1 : 0),
    [CKA.ID, stored.id],
    [CKA.LABEL, encodeUtf8(stored.label)],
  ])
  return [{ kind: 'certificate', stored, alias: stored.alias, attributes }]
}

/** Gives what a certificate itself says; `undefined` when it is none. */
export function certificateAttributes(der: Uint8Array): (readonly [number, AttributeValue])[] | undefined {
  const fields = readCertificateFields(der)
  if (fields === undefined) return undefined
  return [
    [CKA.CLASS, CKO.CERTIFICATE],
    [CKA.CERTIFICATE_TYPE, CKC.X_509],
    [CKA.SUBJECT, fields.subject],
    [CKA.ISSUER, fields.issuer],
    [CKA.SERIAL_NUMBER, fields.serialNumber],
    [CKA.PUBLIC_KEY_INFO, fields.publicKeyInfo],
    [CKA.START_DATE, NOTHING],
    [CKA.END_DATE, NOTHING],
    [CKA.VALUE, der],
  ]
}

function dataAttributes(stored: StoredData): Attributes {
  return new Map<number, AttributeValue>([
    [CKA.CLASS, CKO.DATA],
    [CKA.LABEL, encodeUtf8(stored.label)],
    [CKA.APPLICATION, encodeUtf8(stored.application)],
    [CKA.OBJECT_ID, NOTHING],
    [CKA.VALUE, stored.value],
    ...flags([CKA.TOKEN], 1),
    ...flags([CKA.PRIVATE, CKA.MODIFIABLE, CKA.COPYABLE], 0),
    ...flags([CKA.DESTROYABLE], stored.isChangeable ? 1 : 0),
  ])
}

function isEqual(left: AttributeValue, right: AttributeValue): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return equalBytes(left, right)
  return left === right
}

/** CKA_CERTIFICATE_CATEGORY (PKCS#11 v2.40 §4.6.2). */
const CATEGORY_TOKEN_USER = 1n
const CATEGORY_AUTHORITY = 2n

const NOTHING = new Uint8Array(0)
