import { isIP } from 'node:net'
import { equalBytes, toHex } from '../kernel/index.ts'
import type { Certificate } from './certificate.ts'
import { constructed, DerError, DerReader, type DerValue, enterDer, primitive, TAG } from './der.ts'
import { readAscii, readOid, readText } from './der-values.ts'
import { EXTENSION_OIDS } from './extensions.ts'

/** The extension by which a CA is held to names (RFC 5280 §4.2.1.10). */
export const NAME_CONSTRAINTS = '2.5.29.30'

/** Most subtrees of one CA; those in use have a few. More are `DerError`: each is held against every name. */
export const NAME_SUBTREES_COUNT_MAX = 256

/** What a CA may certify: a name of a kind with permitted subtrees is below one of them, and below no excluded one. */
export interface NameConstraints {
  readonly permitted: readonly Subtree[]
  readonly excluded: readonly Subtree[]
}

/** One name of a certificate, or of what a subtree begins with. */
interface Name {
  readonly kind: Kind
  readonly value: string | Uint8Array | readonly string[]
}

type Subtree = Name
type Kind = 'email' | 'dns' | 'directory' | 'uri' | 'ip'

/**
 * Reads the name constraints of a CA; `undefined` where it has none.
 *
 * @throws {DerError} when they are malformed, have a kind of name that is not known here, or are too many
 */
export function nameConstraintsOf(certificate: Certificate): NameConstraints | undefined {
  const value = extensionOf(certificate, NAME_CONSTRAINTS)
  if (value === undefined) return undefined
  const fields = enterDer(value, TAG.SEQUENCE)
  const permitted = readSubtrees(fields, 0)
  const excluded = readSubtrees(fields, 1)
  fields.end()
  return { permitted, excluded }
}

/**
 * Gives the first name of a certificate that a CA with these constraints may not certify, for a message; `undefined`
 * when all are within. The common name is no host name here (RFC 9525 §2), so constraints of hosts are not for it.
 */
export function nameNotPermitted(
  certificate: Certificate,
  { permitted, excluded }: NameConstraints,
): string | undefined {
  const outside = namesOf(certificate).find((name) => {
    const bounds = permitted.filter(({ kind }) => kind === name.kind)
    const isWithin = bounds.length === 0 || bounds.some((subtree) => isBelow(name, subtree))
    return !isWithin || excluded.some((subtree) => isBelow(name, subtree) || mayStandFor(name, subtree))
  })
  return outside === undefined ? undefined : describe(outside)
}

function readSubtrees(fields: DerReader, number: number): readonly Subtree[] {
  const list = fields.takeIf(constructed(number))
  if (list === undefined) return []
  const subtrees: Subtree[] = []
  const inside = new DerReader(list.content)
  while (!inside.isAtEnd) {
    if (subtrees.length >= NAME_SUBTREES_COUNT_MAX) throw new DerError('too many name constraints')
    const subtree = inside.enter(TAG.SEQUENCE)
    const base = subtree.next()
    // RFC 5280: minimum is 0, which DER leaves out, and maximum is absent.
    subtree.end()
    const row = ROWS.get(base.tag)
    if (row === undefined) throw new DerError('a constraint of a kind of name that is not known')
    subtrees.push({ kind: row.kind, value: (row.readBase ?? row.read)(base.content) })
  }
  return subtrees
}

/** The names that constraints are for: subject, the mailboxes in it, and the alternative names of known kinds. */
function namesOf(certificate: Certificate): readonly Name[] {
  const { subject, subjectDer } = certificate
  const names: Name[] = []
  if (subject.length > 0) names.push({ kind: 'directory', value: partsOf(subjectDer) })
  for (const { type, value } of subject) if (type === 'emailAddress') names.push({ kind: 'email', value })
  const alternatives = extensionOf(certificate, EXTENSION_OIDS.subjectAlternativeNames)
  if (alternatives === undefined) return names
  const list = enterDer(alternatives, TAG.SEQUENCE)
  while (!list.isAtEnd) {
    const { tag, content } = list.next()
    const row = ROWS.get(tag)
    if (row !== undefined) names.push({ kind: row.kind, value: row.read(content) })
  }
  return names
}

function isBelow(name: Name, subtree: Subtree): boolean {
  if (name.kind !== subtree.kind) return false
  const { value } = name
  const base = subtree.value
  if (typeof value === 'string' && typeof base === 'string') return TEXT_RULES.get(name.kind)?.(value, base) === true
  if (value instanceof Uint8Array) return base instanceof Uint8Array && isInNetwork(value, base)
  // The parts of the base are the first parts of the name.
  return Array.isArray(value) && Array.isArray(base) && base.every((part, at) => part === value[at])
}

/** A wildcard that may stand for an excluded host is excluded as well: `*.example.com` and `pay.example.com`. */
function mayStandFor({ kind, value }: Name, subtree: Subtree): boolean {
  if (kind !== 'dns' || subtree.kind !== 'dns') return false
  if (typeof value !== 'string' || typeof subtree.value !== 'string' || !value.startsWith('*.')) return false
  const host = subtree.value.toLowerCase().replace(/^\./, '')
  return host.slice(host.indexOf('.')) === value.slice(1).toLowerCase()
}

/** Names are compared as RFC 5280 §7 and OpenSSL do: without regard to case, but for the left of a mailbox. */
const TEXT_RULES: ReadonlyMap<Kind, (value: string, base: string) => boolean> = new Map([
  ['email', isMailbox],
  // Every host that adds labels on the left is below one, and so is the host itself.
  [
    'dns',
    (value: string, base: string) => {
      const [host, wanted] = [value.toLowerCase(), base.toLowerCase()]
      return wanted === '' || host === wanted || host.endsWith(wanted.startsWith('.') ? wanted : `.${wanted}`)
    },
  ],
  ['uri', (value: string, base: string) => isHost(hostOf(value), base)],
])

/** One mailbox, or every mailbox of one host, or with a point before it of the hosts below. */
function isMailbox(value: string, base: string): boolean {
  const at = value.lastIndexOf('@')
  if (at === -1) throw new DerError('a mailbox without a host')
  const baseAt = base.lastIndexOf('@')
  if (baseAt <= 0) return isHost(value.slice(at + 1), base.slice(baseAt + 1))
  return value.slice(0, at) === base.slice(0, baseAt) && isHost(value.slice(at + 1), base.slice(baseAt + 1))
}

/** One host, or with a point before it every host below. */
function isHost(value: string, base: string): boolean {
  const [host, wanted] = [value.toLowerCase(), base.toLowerCase()]
  if (wanted === '') return true
  return wanted.startsWith('.') ? host.length > wanted.length && host.endsWith(wanted) : host === wanted
}

/**
 * The host of a URI that constraints are for. Programs differ in which `@` of several ends the user's part, so a URI
 * with more than one (RFC 3986 §3.2.1 has none there) names no host.
 *
 * @throws {DerError} where there is none, or an address
 */
function hostOf(uri: string): string {
  const [, host = ''] = URI_HOST.exec(uri) ?? []
  if (host === '' || host.startsWith('[') || isIP(host) !== 0) throw new DerError('a URI without a host name')
  return host
}

const URI_HOST = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?(\[[^\]@]*\]|[^/?#:@]*)(?::[0-9]*)?(?:[/?#]|$)/i

function isInNetwork(address: Uint8Array, network: Uint8Array): boolean {
  if (network.length !== 2 * address.length) return false
  const mask = network.subarray(address.length)
  return equalBytes(
    address.map((octet, at) => octet & (mask[at] ?? 0)),
    network.subarray(0, address.length).map((octet, at) => octet & (mask[at] ?? 0)),
  )
}

/**
 * Reads a Name part by part, each in a spelling that is the same for names that are the same: case and the number of
 * blanks do not count (RFC 5280 §7.1), nor the order within a part.
 */
function partsOf(der: Uint8Array): readonly string[] {
  const parts: string[] = []
  const list = enterDer(der, TAG.SEQUENCE)
  while (!list.isAtEnd) {
    const part = list.enter(TAG.SET)
    const attributes: string[] = []
    while (!part.isAtEnd) {
      const fields = part.enter(TAG.SEQUENCE)
      const oid = readOid(fields.take(TAG.OID).content)
      const value = fields.next()
      fields.end()
      attributes.push(`${oid}=${spellingOf(value)}`)
    }
    parts.push(attributes.toSorted().join('+'))
  }
  return parts
}

function spellingOf(value: DerValue): string {
  const text = readText(value)
  // No text begins so after its blanks are gone: what is no string equals no string.
  return text === undefined ? ` ${toHex(value.raw)}` : text.trim().replaceAll(/\s+/g, ' ').toLowerCase()
}

/** Gives the content of an extension; that none comes twice was seen when the certificate was read. */
function extensionOf({ der }: Certificate, wanted: string): Uint8Array | undefined {
  const fields = new DerReader(der).enter(TAG.SEQUENCE).enter(TAG.SEQUENCE)
  while (!fields.isAtEnd) {
    const field = fields.next()
    if (field.tag !== constructed(3)) continue
    const list = enterDer(field.content, TAG.SEQUENCE)
    while (!list.isAtEnd) {
      const extension = list.enter(TAG.SEQUENCE)
      const oid = readOid(extension.take(TAG.OID).content)
      extension.takeIf(TAG.BOOLEAN)
      if (oid === wanted) return extension.take(TAG.OCTET_STRING).content
    }
  }
  return undefined
}

function describe({ kind, value }: Name): string {
  if (typeof value === 'string') return `the ${kind} name ${value.slice(0, NAME_CHARACTERS_SHOWN)}`
  if (value instanceof Uint8Array) return `the address ${value.length === 4 ? value.join('.') : toHex(value)}`
  return 'this subject'
}

function checkedNetwork(content: Uint8Array): Uint8Array {
  if (content.length !== 8 && content.length !== 32) throw new DerError('a network that is neither IPv4 nor IPv6')
  return content
}

/** The kinds of GeneralName that constraints are read for, by tag (RFC 5280 §4.2.1.6). */
const ROWS: ReadonlyMap<
  number,
  {
    readonly kind: Kind
    readonly read: (content: Uint8Array) => Name['value']
    /** Where a constraint is written in another way than a name. */
    readonly readBase?: (content: Uint8Array) => Name['value']
  }
> = new Map([
  [primitive(1), { kind: 'email', read: readAscii }],
  [primitive(2), { kind: 'dns', read: readAscii }],
  [constructed(4), { kind: 'directory', read: partsOf }],
  [primitive(6), { kind: 'uri', read: readAscii }],
  [primitive(7), { kind: 'ip', read: (content: Uint8Array) => content, readBase: checkedNetwork }],
])

/** How much of a name goes into a message, in characters. */
const NAME_CHARACTERS_SHOWN = 128
