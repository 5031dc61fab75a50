import { encodeUtf8, equalBytes } from '@birthmark/foundation/kernel'
import { type Attribute, type AttributeValue, shapeOf } from '../attribute.ts'
import { ecPointOf, isP256, P256_PARAMETERS, readCertificateFields } from '../der.ts'
import { CK_UNAVAILABLE_INFORMATION, CKA, CKC, CKK, CKM, CKO } from '../standard.ts'
import type { KeyPlace, TokenSource } from './source.ts'

/** One object of a token, as programs see it. */
export interface TokenObject {
  readonly handle: bigint
  readonly kind: 'private-key' | 'public-key' | 'certificate'
  /** Where it is; anchors have no key beside them. */
  readonly place: KeyPlace | undefined
  /** The element's slot. */
  readonly slot: string
  readonly attributes: ReadonlyMap<number, AttributeValue>
  /** A second label under which it is found. */
  readonly alias: string
}

/** Reads everything that a token shows from its element. */
export async function loadObjects(source: TokenSource): Promise<readonly TokenObject[]> {
  const objects: TokenObject[] = []
  for (const place of source.pairs) {
    const spki = await source.publicKeyOf(place)
    if (spki !== undefined && isP256(spki)) objects.push(privateKey(place, spki), publicKey(place, spki))
    const certificate = await source.element.readCertificate(place.certificate)
    const name = `${place.name} certificate`
    objects.push(
      ...certificateObject(HANDLES.certificate + BigInt(place.id), place.certificate, name, certificate, place),
    )
  }
  for (const [index, slot] of source.anchors.entries()) {
    const certificate = await source.element.readCertificate(slot)
    objects.push(...certificateObject(HANDLES.anchor + BigInt(index), slot, `trust anchor ${index + 1}`, certificate))
  }
  return objects
}

/** Tells whether an object has every attribute of a template, as C_FindObjectsInit asks. */
export function isMatch(object: TokenObject, template: readonly Attribute[]): boolean {
  return template.every(({ type, value }) => {
    const own = object.attributes.get(type)
    if (value === undefined || own === undefined) return false
    return isEqual(own, value) || (type === CKA.LABEL && isEqual(encodeUtf8(object.alias), value))
  })
}

function privateKey(place: KeyPlace, spki: Uint8Array): TokenObject {
  const yes = [CKA.TOKEN, CKA.PRIVATE, CKA.SENSITIVE, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE, CKA.LOCAL, CKA.SIGN]
  const no = [CKA.EXTRACTABLE, CKA.MODIFIABLE, CKA.COPYABLE, CKA.ALWAYS_AUTHENTICATE, CKA.WRAP_WITH_TRUSTED]
  const unused = [CKA.DECRYPT, CKA.UNWRAP, CKA.SIGN_RECOVER, CKA.DERIVE]
  const attributes = new Map<number, AttributeValue>([
    ...keyAttributes(place, spki, CKO.PRIVATE_KEY, place.key),
    ...flags(yes, 1),
    ...flags([...no, ...unused], 0),
    [CKA.KEY_GEN_MECHANISM, BigInt(CKM.EC_KEY_PAIR_GEN)],
    [CKA.ALLOWED_MECHANISMS, []],
    [CKA.SUBJECT, NOTHING],
  ])
  const handle = HANDLES.privateKey + BigInt(place.id)
  return { handle, kind: 'private-key', place, slot: place.key, attributes, alias: `${place.name} key` }
}

function publicKey(place: KeyPlace, spki: Uint8Array): TokenObject {
  const no = [
    CKA.PRIVATE,
    CKA.MODIFIABLE,
    CKA.COPYABLE,
    CKA.ENCRYPT,
    CKA.WRAP,
    CKA.VERIFY_RECOVER,
    CKA.DERIVE,
    CKA.TRUSTED,
  ]
  const attributes = new Map<number, AttributeValue>([
    ...keyAttributes(place, spki, CKO.PUBLIC_KEY, place.key),
    ...flags([CKA.TOKEN, CKA.LOCAL, CKA.VERIFY], 1),
    ...flags(no, 0),
    [CKA.EC_POINT, ecPointOf(spki)],
    [CKA.KEY_GEN_MECHANISM, BigInt(CKM.EC_KEY_PAIR_GEN)],
    [CKA.SUBJECT, NOTHING],
  ])
  const handle = HANDLES.publicKey + BigInt(place.id)
  return { handle, kind: 'public-key', place, slot: place.key, attributes, alias: `${place.name} key` }
}

function keyAttributes(
  place: KeyPlace,
  spki: Uint8Array,
  kind: bigint,
  label: string,
): readonly (readonly [number, AttributeValue])[] {
  return [
    [CKA.CLASS, kind],
    [CKA.KEY_TYPE, CKK.EC],
    [CKA.ID, Uint8Array.of(place.id)],
    [CKA.LABEL, encodeUtf8(label)],
    [CKA.EC_PARAMS, P256_PARAMETERS],
    [CKA.PUBLIC_KEY_INFO, spki],
  ]
}

/** Gives the certificate in a slot as an object; none when the slot is empty or holds something else. */
function certificateObject(
  handle: bigint,
  slot: string,
  alias: string,
  der: Uint8Array | undefined,
  place?: KeyPlace,
): TokenObject[] {
  const fields = der && readCertificateFields(der)
  if (der === undefined || fields === undefined) return []
  const attributes = new Map<number, AttributeValue>([
    [CKA.CLASS, CKO.CERTIFICATE],
    [CKA.CERTIFICATE_TYPE, CKC.X_509],
    [CKA.CERTIFICATE_CATEGORY, place === undefined ? CATEGORY_AUTHORITY : CATEGORY_TOKEN_USER],
    ...flags([CKA.TOKEN], 1),
    ...flags([CKA.PRIVATE, CKA.MODIFIABLE, CKA.COPYABLE, CKA.TRUSTED], 0),
    // A key and its certificate have one CKA_ID and, for programs that pair them by name, one label besides.
    [CKA.ID, place === undefined ? NOTHING : Uint8Array.of(place.id)],
    [CKA.LABEL, encodeUtf8(slot)],
    [CKA.SUBJECT, fields.subject],
    [CKA.ISSUER, fields.issuer],
    [CKA.SERIAL_NUMBER, fields.serialNumber],
    [CKA.VALUE, der],
  ])
  return [{ handle, kind: 'certificate', place, slot, attributes, alias }]
}

function flags(types: readonly number[], value: 0 | 1): readonly (readonly [number, AttributeValue])[] {
  // CKA_DESTROYABLE travels as bytes: the wire does not know it.
  return types.map((type) => [type, shapeOf(type) === 'byte' ? value : Uint8Array.of(value)])
}

function isEqual(left: AttributeValue, right: AttributeValue): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return equalBytes(left, right)
  return left === right
}

const HANDLES = { privateKey: 0x100n, publicKey: 0x200n, certificate: 0x300n, anchor: 0x400n } as const

/** CKA_CERTIFICATE_CATEGORY (PKCS#11 v2.40 §4.6.2). */
const CATEGORY_TOKEN_USER = 1n
const CATEGORY_AUTHORITY = 2n

const NOTHING = new Uint8Array(0)

/** What C_GetObjectSize answers: the element does not say. */
export const OBJECT_SIZE: bigint = CK_UNAVAILABLE_INFORMATION
