import { createPublicKey } from 'node:crypto'
import { decodeUtf8, encodeUtf8, toHex } from '@birthmark/foundation/kernel'
import type { Bytes } from './bytes.ts'
import { ArrayBroken, type ArrayElement, readArray } from './json-array.ts'
import { membersOf, parseStrictJson } from './json-check.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { Problems, type RawIdentity, type RawRow, shown } from './row.ts'
import type { JwsClaim, PinnedSigners } from './signers.ts'
import { unreadable } from './unreadable.ts'

/**
 * Reads a manifest of Microchip's Trust Platform: a JSON list of signed elements, each a JWS in flattened form
 * (RFC 7515 §7.2.2) over a `SecureElement` object of version 1, 2 or 3 ("Trust Platform Manifest File Format",
 * "… Full Format" and "… Lite Format", sections 2.3 to 2.7).
 *
 * @throws `MANIFEST_UNREADABLE` when the list itself is broken
 */
export async function* readMicrochip(bytes: Bytes, signers: PinnedSigners): AsyncGenerator<RawRow, void, undefined> {
  try {
    for await (const element of readArray(bytes, MANIFEST_LIMITS.rowBytes.value)) yield readElement(element, signers)
  } catch (error) {
    if (error instanceof ArrayBroken) throw unreadable('microchip', error.number, error.message)
    throw error
  }
}

function readElement({ number: row, text, why }: ArrayElement, signers: PinnedSigners): RawRow {
  const problems = new Problems()
  if (text === undefined) {
    problems.add('limit', why ?? 'it cannot be read')
    return { row, identities: [], problems: problems.list }
  }
  const read = new ElementReader(problems)
  const element = read.signed(text)
  if (element === undefined) return { row, identities: [], problems: problems.list }
  read.judge(element, signers)
  const content = read.content(element)
  const uid = content?.uid ?? element.outerId
  return {
    row,
    ...(uid !== undefined && { uid }),
    identities: content?.identities ?? [],
    problems: problems.list,
  }
}

/** The parts of a JWS in flattened form, decoded. */
interface SignedElement {
  readonly claim: JwsClaim | undefined
  readonly payload: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** The id in the header that nobody signed. */
  readonly outerId: string | undefined
}

/** Reads one element and notes what is wrong with it. */
class ElementReader {
  readonly #problems: Problems

  constructor(problems: Problems) {
    this.#problems = problems
  }

  signed(text: string): SignedElement | undefined {
    const members = this.#object(text, 'the element')
    if (members === undefined) return undefined
    const unknown = [...members.keys()].find((name) => !JWS_MEMBERS.has(name))
    if (unknown !== undefined) this.#problems.add('form', `its member ${shown(unknown)} is not part of the format`)
    const encoded = { protected: members.get('protected'), payload: members.get('payload') }
    const header = this.#base64url('protected', encoded.protected)
    const payload = this.#base64url('payload', encoded.payload)
    const signature = this.#base64url('signature', members.get('signature'))
    const outerId = this.#uniqueId(membersOf(members.get('header'))?.get('uniqueId'), 'the unsigned header')
    if (header === undefined || payload === undefined || signature === undefined) return undefined
    const message = encodeUtf8(`${String(encoded.protected)}.${String(encoded.payload)}`)
    return { claim: this.#claim(header), payload, message, signature, outerId }
  }

  judge({ claim, message, signature }: SignedElement, signers: PinnedSigners): void {
    const why = claim && signers.refuseJws(claim, message, signature)
    if (why !== undefined) this.#problems.add('signature', why)
  }

  content({
    payload,
    outerId,
  }: SignedElement): { readonly uid?: string; readonly identities: RawIdentity[] } | undefined {
    const text = decodeUtf8(payload)
    if (text === undefined) this.#problems.add('form', 'its payload is not UTF-8')
    const members = text === undefined ? undefined : this.#object(text, 'the payload')
    if (members === undefined) return undefined
    const version = members.get('version')
    if (!VERSIONS.has(version)) this.#problems.add('form', 'its version is not 1, 2 or 3')
    const uid = this.#uniqueId(members.get('uniqueId'), 'the signed payload')
    if (uid !== undefined && outerId !== undefined && uid !== outerId) {
      this.#problems.add('id', `the unsigned id ${outerId} is not the signed id ${uid}`)
    }
    return { ...(uid !== undefined && { uid }), identities: this.#identities(members) }
  }

  /** RFC 7515 §4.1; only what the format lists is let in, so that no key or address in the file can count. */
  #claim(header: Uint8Array): JwsClaim | undefined {
    const members = this.#object(decodeUtf8(header) ?? '', 'the protected header')
    if (members === undefined) return undefined
    for (const [name, value] of members) {
      if (!HEADER_MEMBERS.has(name) || typeof value !== 'string') {
        this.#problems.add('signature', `the member ${shown(name)} of its protected header is not part of the format`)
        return undefined
      }
    }
    const hex = (name: string): string | undefined => {
      const value = members.get(name)
      const octets = value === undefined ? undefined : decodeBase64url(value)
      if (value !== undefined && octets === undefined) this.#problems.add('form', `its ${name} is not base64url`)
      return octets && toHex(octets)
    }
    return { algorithm: String(members.get('alg')), keyIdentifier: hex('kid'), thumbprint: hex('x5t#S256') }
  }

  #identities(payload: ReadonlyMap<string, unknown>): RawIdentity[] {
    const set = payload.get('publicKeySet')
    if (set === undefined) return [{ certificates: [] }]
    const keys: unknown = membersOf(set)?.get('keys')
    if (!Array.isArray(keys) || keys.length > MANIFEST_LIMITS.keysInRow.value) {
      this.#problems.add('form', `its publicKeySet must list at most ${MANIFEST_LIMITS.keysInRow.value} keys`)
      return []
    }
    const identities = keys.map((key: unknown, index) => this.#identity(key, index)).filter((one) => one !== undefined)
    const certified = identities.filter(({ certificates }) => certificates.length > 0)
    if (certified.length > 0) return certified
    return identities.length > 0 ? identities : [{ certificates: [] }]
  }

  /** RFC 7517 §4. */
  #identity(jwk: unknown, index: number): RawIdentity | undefined {
    const members = membersOf(jwk)
    const chain = members?.has('x5c') ? this.#chain(members.get('x5c'), index) : []
    const key = members && spkiOf(members)
    if (members === undefined || (key === undefined && chain.length > 0)) {
      this.#problems.add('key', `key ${index} of its publicKeySet is not sound`)
    }
    const kid = members?.get('kid')
    return key && { key, certificates: chain, ...(typeof kid === 'string' && { slot: kid.slice(0, SLOT_CHARACTERS) }) }
  }

  /** RFC 7517 §4.7: standard base64, the certificate of the key first. */
  #chain(x5c: unknown, index: number): Uint8Array[] {
    const items: readonly unknown[] = Array.isArray(x5c) ? x5c : []
    const chain = items.map((item) => decodeBase64(item)).filter((der) => der !== undefined)
    if (chain.length !== items.length || chain.length === 0) {
      this.#problems.add('certificate', `x5c of key ${index} must list certificates in base64`)
      return []
    }
    return chain
  }

  #uniqueId(value: unknown, where: string): string | undefined {
    if (typeof value === 'string' && UNIQUE_ID.test(value)) return value
    this.#problems.add('id', `the uniqueId in ${where} must be 2 to 64 hex digits in lower case`)
    return undefined
  }

  #base64url(name: string, value: unknown): Uint8Array | undefined {
    const octets = decodeBase64url(value)
    if (octets === undefined) this.#problems.add('form', `its ${name} must be base64url without padding`)
    return octets
  }

  #object(text: string, what: string): ReadonlyMap<string, unknown> | undefined {
    const json = parseStrictJson(text, MANIFEST_LIMITS.jsonDepth.value)
    const members = 'value' in json ? membersOf(json.value) : undefined
    if (members === undefined) this.#problems.add('form', `${what}: ${'why' in json ? json.why : 'it is no object'}`)
    return members
  }
}

/** RFC 7515 §2, in its one canonical spelling. */
function decodeBase64url(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const octets = Buffer.from(value, 'base64url')
  return octets.toString('base64url') === value ? Uint8Array.from(octets) : undefined
}

function decodeBase64(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const octets = Buffer.from(value, 'base64')
  return octets.toString('base64') === value ? Uint8Array.from(octets) : undefined
}

/** The DER of a key that OpenSSL knows and finds sound; only the members that make the key are looked at. */
function spkiOf(members: ReadonlyMap<string, unknown>): Uint8Array | undefined {
  const named = ['kty', 'crv', 'x', 'y', 'n', 'e'].map((name) => [name, members.get(name)] as const)
  const key = Object.fromEntries(named.filter(([, value]) => typeof value === 'string'))
  try {
    return Uint8Array.from(createPublicKey({ key, format: 'jwk' }).export({ format: 'der', type: 'spki' }))
  } catch {
    return undefined
  }
}

const JWS_MEMBERS: ReadonlySet<string> = new Set(['payload', 'protected', 'header', 'signature'])
/** Section 2.4.1, and `typ`, which is in Microchip's own example. */
const HEADER_MEMBERS: ReadonlySet<string> = new Set(['alg', 'kid', 'x5t#S256', 'typ'])
const VERSIONS: ReadonlySet<unknown> = new Set([1, 2, 3])
const UNIQUE_ID = /^(?:[0-9a-f]{2}){1,32}$/
/** A slot's name is a number of one or two digits. */
const SLOT_CHARACTERS = 16
