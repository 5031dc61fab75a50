import { isIP } from 'node:net'
import { GeneralName, OtherName } from '@peculiar/asn1-x509'
import { fromHex, toHex } from '../kernel/index.ts'
import { constructed, DerError, DerReader, enterDer, primitive, TAG } from './der.ts'
import { readAscii, readOid } from './der-values.ts'
import { encodeDer, encodeOid, OID_TEXT } from './der-writer.ts'
import { x509Fault } from './faults.ts'
import { formatName, readName } from './name.ts'

/**
 * A name beside the subject's (RFC 5280 §4.2.1.6). A `directory` name is written as {@link formatName} does; a
 * `hardware-module` (RFC 4108 §5) as its type, a dotted OID, and its serial number in hex: `1.3.6.1.4.1.99999.4:0a1b`.
 */
export interface AlternativeName {
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'directory' | 'hardware-module'
  readonly value: string
}

/** Most alternative names that are read from one extension; public web certificates have at most 100. */
export const ALTERNATIVE_NAMES_COUNT_MAX = 256

/** Reads GeneralNames; types that {@link AlternativeName} lacks (registeredID, other otherNames) are passed over. */
export function readAlternativeNames(names: DerReader): AlternativeName[] {
  const found: AlternativeName[] = []
  for (let count = 1; !names.isAtEnd; count += 1) {
    if (count > ALTERNATIVE_NAMES_COUNT_MAX) throw new DerError('too many alternative names')
    const name = names.next()
    const row = ROWS.find(({ tag }) => tag === name.tag)
    const value = row?.read(name.content)
    if (row !== undefined && value !== undefined) found.push({ type: row.type, value })
    else if (row === undefined && !TAGS_PASSED_OVER.has(name.tag))
      throw new DerError('an alternative name of no known type')
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

/** Reads an OtherName; `undefined` when it is none of a hardware module (RFC 4108 §5). */
function readHardwareModule(content: Uint8Array): string | undefined {
  const name = new DerReader(content)
  if (readOid(name.content(TAG.OID)) !== HARDWARE_MODULE_NAME) return undefined
  const fields = enterDer(name.content(constructed(0)), TAG.SEQUENCE)
  name.end()
  const type = readOid(fields.content(TAG.OID))
  const serial = fields.content(TAG.OCTET_STRING)
  fields.end()
  return `${type}:${toHex(serial)}`
}

function buildHardwareModule(text: string): Partial<GeneralName> {
  const [type = '', serial = ''] = text.split(':')
  const name = encodeDer(TAG.SEQUENCE, encodeOid(type), encodeDer(TAG.OCTET_STRING, fromHex(serial)))
  return { otherName: new OtherName({ typeId: HARDWARE_MODULE_NAME, value: Uint8Array.from(name).buffer }) }
}

/** id-on-hardwareModuleName (RFC 4108 §5). */
const HARDWARE_MODULE_NAME = '1.3.6.1.5.5.7.8.4'

/** Serial numbers of modules have a few bytes; the longest element number has 32. */
const HARDWARE_SERIAL = /^(?:[0-9a-f]{2}){1,64}$/

interface GeneralNameRow {
  readonly type: AlternativeName['type']
  readonly tag: number
  /** `undefined` for a name that is passed over. */
  readonly read: (content: Uint8Array) => string | undefined
  readonly allowed: (value: string) => boolean
  readonly build?: (value: string) => Partial<GeneralName>
}

const DNS_NAME = /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i
const PRINTABLE_ASCII = /^[\x21-\x7e]{1,2048}$/

/** RFC 5280 §4.2.1.6, GeneralName. */
const ROWS: readonly GeneralNameRow[] = [
  {
    type: 'hardware-module',
    tag: constructed(0),
    read: readHardwareModule,
    allowed: (value) => {
      const [type = '', serial = '', ...more] = value.split(':')
      return OID_TEXT.test(type) && HARDWARE_SERIAL.test(serial) && more.length === 0
    },
    build: buildHardwareModule,
  },
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

/** x400Address, ediPartyName, registeredID. */
const TAGS_PASSED_OVER: ReadonlySet<number> = new Set([constructed(3), constructed(5), primitive(8)])
