import type { Attribute, AttributeValue } from '../attribute.ts'
import { curveOfParameters, type PublicPoint, readPoint } from '../curves.ts'
import { CK_UNAVAILABLE_INFORMATION, CKA, CKC, CKK, CKO, CKR } from '../standard.ts'
import { certificateAttributes, flags, type NewObject, type ObjectKind } from './objects.ts'
import { Refusal } from './refusal.ts'
import { Template, wholeValue } from './template.ts'

/**
 * Makes an object of a session from its template: a public key, a secret key, a certificate or data. What the template
 * leaves out has PKCS#11's default, but secret keys are sensitive and not extractable unless it says otherwise.
 *
 * @param isOnCurve Tells whether a public key is one.
 * @throws `Refusal` TEMPLATE_INCOMPLETE, TEMPLATE_INCONSISTENT, ATTRIBUTE_TYPE_INVALID, ATTRIBUTE_VALUE_INVALID,
 *   ATTRIBUTE_READ_ONLY, CURVE_NOT_SUPPORTED
 */
export function sessionObject(template: Template, isOnCurve: (key: PublicPoint) => boolean): NewObject {
  switch (template.objectClass) {
    case CKO.PUBLIC_KEY:
      return publicKey(template, isOnCurve)
    case CKO.SECRET_KEY:
      return secretKey(template, template.demandBytes(CKA.VALUE), { isDerived: false })
    case CKO.CERTIFICATE:
      return certificate(template)
    case CKO.DATA:
      return { kind: 'data', attributes: filled('data', template, new Map()) }
    default:
      // Private keys above all: they are made inside, by C_GenerateKeyPair.
      throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  }
}

/**
 * Makes the secret key of a session that a derivation gave.
 *
 * @throws `Refusal` as {@link sessionObject}
 */
export function derivedKey(template: Template, secret: Uint8Array): NewObject {
  template.demand(CKA.CLASS, CKO.SECRET_KEY)
  if (template.value(CKA.VALUE) !== undefined) throw new Refusal(CKR.TEMPLATE_INCONSISTENT)
  const length = template.value(CKA.VALUE_LEN) ?? BigInt(secret.length)
  if (typeof length !== 'bigint' || length < 1n || length > secret.length)
    throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  // What is left out is the beginning (PKCS#11 v2.40 Current Mechanisms §2.3.8).
  return secretKey(template, secret.slice(secret.length - Number(length)), { isDerived: true })
}

/**
 * Gives an object of a session as C_SetAttributeValue changes it. A key can become sensitive and not extractable, never
 * the other way round.
 *
 * @throws `Refusal` ACTION_PROHIBITED, ATTRIBUTE_READ_ONLY, ATTRIBUTE_TYPE_INVALID, ATTRIBUTE_VALUE_INVALID
 */
export function changedObject<Changed extends NewObject>(object: Changed, changes: readonly Attribute[]): Changed {
  if (object.attributes.get(CKA.MODIFIABLE) !== 1) throw new Refusal(CKR.ACTION_PROHIBITED)
  const attributes = new Map(object.attributes)
  for (const { type, value } of changes) {
    const before = attributes.get(type)
    if (before === undefined) throw new Refusal(CKR.ATTRIBUTE_TYPE_INVALID)
    const whole = wholeValue(value)
    const oneWay = ONE_WAY.get(type)
    if (oneWay === undefined ? !CHANGEABLE[object.kind].includes(type) : whole !== oneWay && whole !== before) {
      throw new Refusal(CKR.ATTRIBUTE_READ_ONLY)
    }
    attributes.set(type, sameForm(type, whole, before))
  }
  return { ...object, attributes }
}

/** About how much memory an object takes, in bytes. */
export function objectSize({ attributes }: NewObject): number {
  let bytes = 0
  for (const value of attributes.values()) bytes += 64 + (value instanceof Uint8Array ? value.length : 0)
  return bytes
}

function publicKey(template: Template, isOnCurve: (key: PublicPoint) => boolean): NewObject {
  requireKeyType(template, [CKK.EC])
  const curve = curveOfParameters(template.demandBytes(CKA.EC_PARAMS))
  if (curve === undefined) throw new Refusal(CKR.CURVE_NOT_SUPPORTED)
  const point = readPoint(curve, template.demandBytes(CKA.EC_POINT))
  if (point === undefined || !isOnCurve({ curve, point })) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  const fixed = new Map<number, AttributeValue>([[CKA.KEY_TYPE, CKK.EC], ...flags([CKA.LOCAL], 0), UNKNOWN_MECHANISM])
  return { kind: 'public-key', attributes: filled('public-key', template, fixed), publicKey: { curve, point } }
}

function secretKey(template: Template, value: Uint8Array, { isDerived }: { readonly isDerived: boolean }): NewObject {
  const keyType = isDerived && template.value(CKA.KEY_TYPE) === undefined ? CKK.GENERIC_SECRET : undefined
  const type = keyType ?? requireKeyType(template, [CKK.GENERIC_SECRET, CKK.AES])
  const isRightLength = type === CKK.AES ? AES_KEY_BYTES.includes(value.length) : value.length > 0
  if (!isRightLength) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  const attributes = filled(
    'secret-key',
    template,
    new Map<number, AttributeValue>([
      [CKA.KEY_TYPE, type],
      [CKA.VALUE, value],
      [CKA.VALUE_LEN, BigInt(value.length)],
      ...flags([CKA.LOCAL], 0),
      UNKNOWN_MECHANISM,
    ]),
  )
  // A key that came from outside was known there; one that was derived was not, unless its template says so.
  const wasSecret = isDerived && attributes.get(CKA.SENSITIVE) === 1
  const wasInside = isDerived && attributes.get(CKA.EXTRACTABLE) === 0
  for (const [each, flag] of flags([CKA.ALWAYS_SENSITIVE], wasSecret ? 1 : 0)) attributes.set(each, flag)
  for (const [each, flag] of flags([CKA.NEVER_EXTRACTABLE], wasInside ? 1 : 0)) attributes.set(each, flag)
  return { kind: 'secret-key', attributes }
}

function certificate(template: Template): NewObject {
  template.demand(CKA.CERTIFICATE_TYPE, CKC.X_509)
  const own = certificateAttributes(template.demandBytes(CKA.VALUE))
  if (own === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  // Programs repeat what the certificate says: believed is the certificate.
  const fixed = new Map<number, AttributeValue>([...own, ...flags([CKA.TRUSTED], 0)])
  return { kind: 'certificate', attributes: filled('certificate', template, fixed) }
}

function requireKeyType(template: Template, types: readonly bigint[]): bigint {
  const type = template.value(CKA.KEY_TYPE)
  if (type === undefined) throw new Refusal(CKR.TEMPLATE_INCOMPLETE)
  const found = types.find((each) => each === type)
  if (found === undefined) throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  return found
}

/** Puts the defaults, what the template says and what is fixed together. */
function filled(
  kind: Exclude<ObjectKind, 'private-key'>,
  template: Template,
  fixed: ReadonlyMap<number, AttributeValue>,
): Map<number, AttributeValue> {
  const attributes = new Map<number, AttributeValue>([...COMMON, ...DEFAULTS[kind], ...fixed])
  for (const type of template.types) {
    const value = template.value(type)
    const known = attributes.get(type)
    if (value === undefined || OF_TOKEN.has(type)) throw new Refusal(CKR.ATTRIBUTE_READ_ONLY)
    if (known === undefined) throw new Refusal(CKR.ATTRIBUTE_TYPE_INVALID)
    if (!fixed.has(type)) attributes.set(type, sameForm(type, value, known))
  }
  template.demand(CKA.COPYABLE, 0)
  return attributes
}

/** Gives a value that has the form of another one of its type. */
function sameForm(type: number, value: AttributeValue, like: AttributeValue): AttributeValue {
  const isFlag = typeof like === 'number'
  if (typeof value !== typeof like || (isFlag && value !== 0 && value !== 1)) {
    throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  }
  const isDate = type === CKA.START_DATE || type === CKA.END_DATE
  if (isDate && value instanceof Uint8Array && value.length !== 0 && value.length !== 8) {
    throw new Refusal(CKR.ATTRIBUTE_VALUE_INVALID)
  }
  return value
}

const NOTHING = new Uint8Array(0)
const UNKNOWN_MECHANISM: readonly [number, bigint] = [CKA.KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION]

/** What the token alone says of a key. */
const OF_TOKEN: ReadonlySet<number> = new Set([
  CKA.LOCAL,
  CKA.ALWAYS_SENSITIVE,
  CKA.NEVER_EXTRACTABLE,
  CKA.KEY_GEN_MECHANISM,
  CKA.TRUSTED,
])

const COMMON: readonly (readonly [number, AttributeValue])[] = [
  ...flags([CKA.TOKEN, CKA.PRIVATE, CKA.COPYABLE], 0),
  ...flags([CKA.MODIFIABLE, CKA.DESTROYABLE], 1),
  [CKA.LABEL, NOTHING],
]

const OF_KEYS: readonly (readonly [number, AttributeValue])[] = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK.EC],
  [CKA.ID, NOTHING],
  [CKA.START_DATE, NOTHING],
  [CKA.END_DATE, NOTHING],
]

const DEFAULTS: Readonly<Record<Exclude<ObjectKind, 'private-key'>, readonly (readonly [number, AttributeValue])[]>> = {
  data: [
    [CKA.CLASS, CKO.DATA],
    [CKA.APPLICATION, NOTHING],
    [CKA.OBJECT_ID, NOTHING],
    [CKA.VALUE, NOTHING],
  ],
  certificate: [
    [CKA.CERTIFICATE_CATEGORY, 0n],
    [CKA.ID, NOTHING],
  ],
  'public-key': [
    ...OF_KEYS,
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.SUBJECT, NOTHING],
    [CKA.EC_PARAMS, NOTHING],
    [CKA.EC_POINT, NOTHING],
    ...flags([CKA.VERIFY], 1),
    ...flags([CKA.ENCRYPT, CKA.VERIFY_RECOVER, CKA.WRAP, CKA.DERIVE, CKA.TRUSTED], 0),
  ],
  'secret-key': [
    ...OF_KEYS,
    [CKA.VALUE, NOTHING],
    [CKA.VALUE_LEN, 0n],
    ...flags([CKA.PRIVATE, CKA.SENSITIVE], 1),
    ...flags([CKA.EXTRACTABLE, CKA.ENCRYPT, CKA.DECRYPT, CKA.SIGN, CKA.VERIFY, CKA.WRAP, CKA.UNWRAP, CKA.DERIVE], 0),
    ...flags([CKA.WRAP_WITH_TRUSTED, CKA.TRUSTED], 0),
  ],
}

/** What C_SetAttributeValue may change as it likes. */
const CHANGEABLE: Readonly<Record<ObjectKind, readonly number[]>> = {
  data: [CKA.LABEL, CKA.APPLICATION, CKA.OBJECT_ID, CKA.VALUE],
  certificate: [CKA.LABEL, CKA.ID],
  'public-key': [CKA.LABEL, CKA.ID, CKA.SUBJECT, CKA.VERIFY],
  'secret-key': [CKA.LABEL, CKA.ID],
  'private-key': [],
}

/** What may only become this (PKCS#11 v2.40 §4.10, footnotes 11 and 12). */
const ONE_WAY: ReadonlyMap<number, 0 | 1> = new Map([
  [CKA.SENSITIVE, 1],
  [CKA.EXTRACTABLE, 0],
])

const AES_KEY_BYTES: readonly number[] = [16, 24, 32]
