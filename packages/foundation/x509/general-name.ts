import { isIP } from 'node:net'
import { GeneralName } from '@peculiar/asn1-x509'
import { constructed, DerError, type DerReader, primitive } from './der.ts'
import { readAscii } from './der-values.ts'
import { x509Fault } from './faults.ts'
import { formatName, readName } from './name.ts'

/** A name beside the subject's (RFC 5280 §4.2.1.6). A `directory` name is written as {@link formatName} does. */
export interface AlternativeName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory'
  readonly value: string
}

/** Most alternative names that are read from one extension; public web certificates have at most 100. */
export const ALTERNATIVE_NAMES_COUNT_MAX = 256

/** Reads GeneralNames; the types that {@link AlternativeName} lacks (otherName, registeredID, ...) are passed over. */
export function readAlternativeNames(names: DerReader): AlternativeName[] {
  const found: AlternativeName[] = []
  for (let count = 1; !names.isAtEnd; count += 1) {
    if (count > ALTERNATIVE_NAMES_COUNT_MAX) throw new DerError('too many alternative names')
    const name = names.next()
    const row = ROWS.find(({ tag }) => tag === name.tag)
    if (row !== undefined) found.push({ type: row.type, value: row.read(name.content) })
    else if (!TAGS_PASSED_OVER.has(name.tag)) throw new DerError('an alternative name of no known type')
  }
  return found
}

/**
 * Gives the library's form of an alternative name. Directory names are read but not written.
 *
 * @throws `ALTERNATIVE_NAME_INVALID` (caller)
 */
export function buildAlternativeName({ type, value }: AlternativeName): GeneralName {
  const row = ROWS.find((candidate) => candidate.type === type)
  if (row?.build === undefined) throw x509Fault('ALTERNATIVE_NAME_INVALID', { type, why: 'this type is not written' })
  if (!row.allowed(value)) throw x509Fault('ALTERNATIVE_NAME_INVALID', { type, why: 'its form is wrong' })
  return new GeneralName(row.build(value))
}

/** Gives an IP address in one spelling, so that texts can be compared: IPv6 as RFC 5952 writes it. */
export function canonicalIp(text: string): string | undefined {
  const version = isIP(text)
  if (version === 4) return text
  // A zone (fe80::1%eth0) names an interface of one machine and is no part of an address in a certificate.
  if (version !== 6 || text.includes('%')) return undefined
  return new URL(`http://[${text}]/`).hostname.slice(1, -1)
}

function readIp(content: Uint8Array): string {
  if (content.length === 4) return content.join('.')
  if (content.length !== 16) throw new DerError('an IP address that is neither 4 nor 16 octets')
  const groups = Buffer.from(content).toString('hex').match(/.{4}/g) ?? []
  return canonicalIp(groups.join(':')) ?? ''
}

interface GeneralNameRow {
  readonly type: AlternativeName['type']
  readonly tag: number
  readonly read: (content: Uint8Array) => string
  readonly allowed: (value: string) => boolean
  readonly build?: (value: string) => Partial<GeneralName>
}

const DNS_NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i
const PRINTABLE_ASCII = /^[\x21-\x7e]{1,2048}$/

/** RFC 5280 §4.2.1.6, GeneralName. */
const ROWS: readonly GeneralNameRow[] = [
  {
    type: 'email',
    tag: primitive(1),
    read: readAscii,
    allowed: (value) => PRINTABLE_ASCII.test(value) && /^[^@]+@[^@]+$/.test(value),
    build: (rfc822Name) => ({ rfc822Name }),
  },
  {
    type: 'dns',
    tag: primitive(2),
    read: readAscii,
    allowed: (value) => value.length <= 253 && DNS_NAME.test(value) && isIP(value) === 0,
    build: (dNSName) => ({ dNSName }),
  },
  {
    type: 'directory',
    tag: constructed(4),
    read: (content) => formatName(readName(content)),
    allowed: () => false,
  },
  {
    type: 'uri',
    tag: primitive(6),
    read: readAscii,
    allowed: (value) => PRINTABLE_ASCII.test(value) && URL.canParse(value),
    build: (uniformResourceIdentifier) => ({ uniformResourceIdentifier }),
  },
  {
    type: 'ip',
    tag: primitive(7),
    read: readIp,
    allowed: (value) => canonicalIp(value) !== undefined,
    build: (iPAddress) => ({ iPAddress }),
  },
]

/** otherName, x400Address, ediPartyName, registeredID. */
const TAGS_PASSED_OVER: ReadonlySet<number> = new Set([constructed(0), constructed(3), constructed(5), primitive(8)])
