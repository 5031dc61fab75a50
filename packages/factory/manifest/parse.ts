import { createHash } from 'node:crypto'
import { type Members, readJsonObject } from '@birthmark/factory/json'
import { ELEMENT_UID, ORDER_ID } from '@birthmark/factory/ledger'
import { type Fault, messageOf } from '@birthmark/foundation/kernel'
import { type Certificate, formatName, parseCertificate } from '@birthmark/foundation/x509'
import { manifestFault } from './faults.ts'
import { MANIFEST_FORMAT, type Manifest, type ManifestDevice, type ManifestHeading } from './manifest.ts'

/**
 * Most devices in one manifest that is read whole. At 1.3 KB a device this is 130 MB of text, which one string still
 * holds; a larger one is refused at the line that is too many.
 */
export const MANIFEST_DEVICE_COUNT_MAX = 100_000

/**
 * Reads a manifest, strictly: every line is there, in its form, and unchanged; every certificate fits what its line
 * says of it and names the issuer of the heading; no device and no certificate comes twice. Signatures of
 * certificates are not verified here.
 *
 * @throws `MANIFEST_INVALID` (peer), with the first line that is wrong, counted from 1
 */
export function parseManifest(text: string): Manifest {
  const reader = new ManifestReader()
  let number = 1
  for (let at = 0; at < text.length; number += 1) {
    const end = text.indexOf('\n', at)
    if (end === -1) throw invalid(number, 'it does not end in a line feed')
    reader.take(text.slice(at, end), number)
    at = end + 1
  }
  return reader.end(number)
}

/** Reads a manifest line by line; nothing it has read may be used before {@link end} has seen the last line. */
class ManifestReader {
  readonly #digest = createHash('sha256')
  readonly #devices: ManifestDevice[] = []
  readonly #uids = new Set<string>()
  readonly #fingerprints = new Set<string>()
  #heading: Heading | undefined
  #ending: Ending | undefined

  take(line: string, number: number): void {
    if (this.#ending !== undefined) throw invalid(number, 'it comes after the last line')
    if (this.#heading === undefined) this.#heading = parseLine(line, number, readHeading)
    else if (line.startsWith('{"devices"')) this.#ending = this.#readEnding(line, number)
    else this.#addDevice(parseLine(line, number, readDevice), this.#heading, number)
    this.#digest.update(`${line}\n`)
  }

  end(number: number): Manifest {
    if (this.#heading === undefined) throw invalid(number, 'the heading is missing')
    if (this.#ending === undefined) throw invalid(number, 'the last line, with the hash, is missing')
    const { order, product, count, issuer } = this.#heading
    const heading: ManifestHeading = { order, product, count, issuer: issuer.der }
    return { heading, devices: this.#devices, ledger: this.#ending.ledger }
  }

  #addDevice(device: Device, { issuer }: Heading, number: number): void {
    const { uid, certificate } = device
    const { serialNumber: serial, fingerprint, der } = certificate
    const said = { serial: device.serial, fingerprint: device.fingerprint, issuer: device.issuer }
    const is = { serial, fingerprint, issuer: formatName(certificate.issuer) }
    if (said.serial !== is.serial) throw invalid(number, 'serial is not that of the certificate')
    if (said.fingerprint !== is.fingerprint) throw invalid(number, 'fingerprint is not that of the certificate')
    if (said.issuer !== is.issuer) throw invalid(number, 'issuer is not that of the certificate')
    if (certificate.issuerHash !== issuer.subjectHash) throw invalid(number, 'the certificate is of another issuer')
    if (this.#uids.has(uid)) throw invalid(number, 'its device came before')
    if (this.#fingerprints.has(fingerprint)) throw invalid(number, 'its certificate came before')
    if (this.#devices.length >= MANIFEST_DEVICE_COUNT_MAX) {
      throw invalid(number, `it is one device more than ${MANIFEST_DEVICE_COUNT_MAX}`)
    }
    this.#uids.add(uid)
    this.#fingerprints.add(fingerprint)
    this.#devices.push({ uid, ...is, certificate: der })
  }

  #readEnding(line: string, number: number): Ending {
    const ending = parseLine(line, number, readEnding)
    if (ending.devices !== this.#devices.length) {
      throw invalid(number, `it counts ${ending.devices} devices where ${this.#devices.length} lines stand`)
    }
    if (ending.sha256 !== this.#digest.copy().digest('hex')) throw invalid(number, 'the lines do not match its hash')
    return ending
  }
}

interface Heading {
  readonly order: string
  readonly product: string
  readonly count: number
  readonly issuer: Certificate
}

interface Device {
  readonly uid: string
  readonly serial: string
  readonly fingerprint: string
  readonly issuer: string
  readonly certificate: Certificate
}

interface Ending {
  readonly devices: number
  readonly ledger: { readonly entries: number; readonly hash: string }
  readonly sha256: string
}

function parseLine<Value>(line: string, number: number, read: (members: Members) => Value | undefined): Value {
  const parsed = readJsonObject(line, read)
  if (parsed.ok && parsed.value !== undefined) return parsed.value
  throw invalid(number, parsed.ok ? 'it is incomplete' : parsed.problems.join('; '))
}

function readHeading(members: Members): Heading | undefined {
  members.word('format', [MANIFEST_FORMAT])
  const order = members.text('order', ORDER_ID, 'the number of a work order')
  const product = members.text('product', /^[a-zA-Z0-9_-]{1,32}$/, 'the name of a product')
  const count = members.integer('count', 1, Number.MAX_SAFE_INTEGER)
  const issuer = readCertificate(members, 'issuer')
  return issuer && { order, product, count, issuer }
}

function readDevice(members: Members): Device | undefined {
  const uid = members.text('uid', ELEMENT_UID, '8 to 64 hex digits in lower case')
  const serial = members.text('serial', /^[0-9a-f]{2,40}$/, 'a serial number in hex')
  const fingerprint = members.text('fingerprint', SHA256, 'a SHA-256 in hex')
  const issuer = members.text('issuer', /^.{1,1024}$/s, 'a name')
  const certificate = readCertificate(members, 'certificate')
  return certificate && { uid, serial, fingerprint, issuer, certificate }
}

function readEnding(members: Members): Ending {
  const devices = members.integer('devices', 0, Number.MAX_SAFE_INTEGER)
  const sha256 = members.text('sha256', SHA256, 'a SHA-256 in hex')
  const ledger = members.object('ledger', (inner) => ({
    entries: inner.integer('entries', 0, Number.MAX_SAFE_INTEGER),
    hash: inner.text('hash', SHA256, 'a SHA-256 in hex'),
  }))
  return { devices, sha256, ledger: ledger ?? { entries: 0, hash: '' } }
}

function readCertificate(members: Members, name: string): Certificate | undefined {
  const pem = members.text(name, CERTIFICATE_PEM, 'one certificate in PEM')
  if (pem === '') return undefined
  try {
    return parseCertificate(pem)
  } catch (error) {
    members.refuse(name, `is not a certificate: ${messageOf(error)}`)
    return undefined
  }
}

function invalid(line: number, why: string): Fault {
  return manifestFault('MANIFEST_INVALID', { line, why })
}

const SHA256 = /^[0-9a-f]{64}$/
const CERTIFICATE_PEM = /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{1,30000}-----END CERTIFICATE-----\n$/
