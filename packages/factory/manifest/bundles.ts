import { messageOf } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  fromPem,
  PKCS7_BYTES_MAX,
  parseCertificate,
  readPkcs7Certificates,
} from '@birthmark/foundation/x509'
import { type Bytes, HeldBytes, readLines } from './bytes.ts'
import { MANIFEST_LIMITS } from './limits.ts'
import { Problems, type RawRow, shown } from './row.ts'
import { unreadable } from './unreadable.ts'

/** What a reader of a bundle gives beside its rows: the CAs in it, for the chains. */
export interface Bundle {
  readonly authorities: readonly Certificate[]
  readonly rows: AsyncIterable<RawRow>
}

/**
 * Reads certificates in PEM (RFC 7468), one after the other; text between them is passed over. Each block is a row.
 * Reads the file twice: the CAs in it are gathered first, wherever they stand.
 *
 * @throws `MANIFEST_UNREADABLE` for a block without end, a file without blocks, and too many CAs
 */
export async function readPemList(bytes: Bytes): Promise<Bundle> {
  const authorities = new Authorities('pem')
  let count = 0
  for await (const { certificate, row } of pemRows(bytes)) {
    count = row
    authorities.consider(certificate, row)
  }
  if (count === 0) throw unreadable('pem', 1, 'it holds no PEM block')
  return { authorities: authorities.list, rows: rowsOf(pemRows(bytes), 'it is no certificate') }
}

/**
 * Reads a PKCS#7 bundle of bare certificates, DER or PEM; each certificate is a row.
 *
 * @throws `MANIFEST_UNREADABLE`
 */
export async function readPkcs7(bytes: Bytes): Promise<Bundle> {
  const ders = readPkcs7Ders(await wholeOf(bytes))
  const authorities = new Authorities('pkcs7')
  for (const [index, der] of ders.entries()) authorities.consider(tryCertificate(der), index + 1)
  return { authorities: authorities.list, rows: rowsOf(pkcs7Rows(ders), 'it is no certificate') }
}

/** A certificate of a bundle as it stands there, or why it is none. */
interface Item {
  readonly row: number
  readonly certificate: Certificate | undefined
  readonly why?: string
}

async function* rowsOf(items: AsyncIterable<Item>, otherwise: string): AsyncGenerator<RawRow, void, undefined> {
  for await (const { row, certificate, why = otherwise } of items) {
    const problems = new Problems()
    if (certificate === undefined) problems.add('certificate', why)
    const isDevice = certificate !== undefined && !certificate.isCa
    yield { row, identities: isDevice ? [{ certificates: [certificate.der] }] : [], problems: problems.list }
  }
}

async function* pkcs7Rows(ders: readonly Uint8Array[]): AsyncGenerator<Item, void, undefined> {
  for (const [index, der] of ders.entries()) yield { row: index + 1, certificate: tryCertificate(der) }
}

function readPkcs7Ders(file: Uint8Array): Uint8Array[] {
  try {
    const ders = readPkcs7Certificates(derOf(file))
    if (ders.length === 0) throw unreadable('pkcs7', 1, 'it holds no certificate')
    return ders
  } catch (error) {
    throw unreadable('pkcs7', 1, messageOf(error), error)
  }
}

/** RFC 7468 §8 and §9 name two labels. */
function derOf(file: Uint8Array): Uint8Array {
  if (file[0] !== DASH) return file
  const text = Buffer.from(file).toString('latin1')
  const [, , base64 = ''] = /^-----BEGIN (PKCS7|CMS)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/.exec(text) ?? []
  return Uint8Array.from(Buffer.from(base64, 'base64'))
}

async function wholeOf(bytes: Bytes): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of bytes()) {
    length += part.length
    if (length > PKCS7_FILE_BYTES_MAX) throw unreadable('pkcs7', 1, `it is longer than ${PKCS7_BYTES_MAX} bytes`)
    parts.push(part)
  }
  return Uint8Array.from(Buffer.concat(parts))
}

async function* pemRows(bytes: Bytes): AsyncGenerator<Item, void, undefined> {
  let block: PemBlock | undefined
  let row = 0
  for await (const { text = '' } of readLines(bytes, MANIFEST_LIMITS.rowBytes.value)) {
    const line = text.replace(/^\uFEFF/, '').trimEnd()
    const begin = /^-----BEGIN ([^-]*)-----$/.exec(line)
    if (begin !== null) {
      if (block !== undefined) throw unreadable('pem', row, 'a block has no end')
      row += 1
      block = new PemBlock(row, begin[1] ?? '')
    } else if (block !== undefined && block.add(line)) {
      yield block.item()
      block = undefined
    }
  }
  if (block !== undefined) throw unreadable('pem', row, 'a block has no end')
}

/** One block while its lines come. */
class PemBlock {
  readonly #row: number
  readonly #label: string
  readonly #held = new HeldBytes(MANIFEST_LIMITS.rowBytes.value)

  constructor(row: number, label: string) {
    this.#row = row
    this.#label = label
    this.add(`-----BEGIN ${label}-----`)
  }

  /** Takes a line; tells whether it is the block's last. */
  add(line: string): boolean {
    this.#held.add(Buffer.from(`${line}\n`))
    return line === `-----END ${this.#label}-----`
  }

  item(): Item {
    const { text, why } = this.#held.take()
    const row = this.#row
    if (this.#label !== 'CERTIFICATE')
      return { row, certificate: undefined, why: `a block ${shown(this.#label)} has no place here` }
    if (text === undefined) return { row, certificate: undefined, why: why ?? '' }
    try {
      const [der = new Uint8Array()] = fromPem(text, 'CERTIFICATE')
      return { row, certificate: parseCertificate(der) }
    } catch (error) {
      return { row, certificate: undefined, why: messageOf(error) }
    }
  }
}

/** The CAs of a bundle, up to a limit. */
class Authorities {
  readonly list: Certificate[] = []
  readonly #format: string

  constructor(format: string) {
    this.#format = format
  }

  consider(certificate: Certificate | undefined, row: number): void {
    if (certificate?.isCa !== true) return
    const max = MANIFEST_LIMITS.caCertificates.value
    if (this.list.length >= max) throw unreadable(this.#format, row, `it holds more than ${max} CA certificates`)
    this.list.push(certificate)
  }
}

function tryCertificate(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der)
  } catch {
    return undefined
  }
}

/** PEM takes a third more than DER, and its line ends. */
const PKCS7_FILE_BYTES_MAX = Math.ceil(PKCS7_BYTES_MAX * 1.4)
const DASH = 0x2d
