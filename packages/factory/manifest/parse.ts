import type { Members } from '@birthmark/factory/json'
import { ELEMENT_UID, ORDER_ID } from '@birthmark/factory/ledger'
import { messageOf } from '@birthmark/foundation/kernel'
import { type Certificate, formatName, parseCertificate } from '@birthmark/foundation/x509'
import { FirstSeen } from './first-seen.ts'
import { MANIFEST_FORMAT, type Manifest, type ManifestDevice } from './manifest.ts'
import { type Closing, invalid, type LineForms, SealedReader, SHA256 } from './sealed-lines.ts'

/**
 * Most devices in one manifest that is read whole. At 1.3 KB a device this is 130 MB of text, which one string still
 * holds; a larger one is refused at the line that is too many. `readManifest` reads larger ones row by row.
 */
export const MANIFEST_DEVICE_COUNT_MAX = 100_000

/**
 * Reads a manifest, strictly: every line is there, in its form, and unchanged; every certificate fits what its line
 * says of it and names the issuer of the heading; no device and no certificate comes twice. Signatures of
 * certificates, and of the manifest, are not verified here: see `readManifest`.
 *
 * @throws `MANIFEST_INVALID` (peer), with the first line that is wrong, counted from 1
 */
export function parseManifest(text: string): Manifest {
  const reader = new SealedReader(manifestForms())
  const devices: ManifestDevice[] = []
  let number = 1
  for (let at = 0; at < text.length; number += 1) {
    const end = text.indexOf('\n', at)
    if (end === -1) throw invalid(number, 'it does not end in a line feed')
    const device = reader.take(text.slice(at, end), number)
    if (device !== undefined) {
      if (devices.length >= MANIFEST_DEVICE_COUNT_MAX) {
        throw invalid(number, `it is one device more than ${MANIFEST_DEVICE_COUNT_MAX}`)
      }
      devices.push(device)
    }
    at = end + 1
  }
  const { heading, ending } = reader.end(number)
  const { order, product, count, issuer } = heading
  return { heading: { order, product, count, issuer: issuer.der }, devices, ledger: ending.ledger }
}

/** The lines of a manifest, for one reading: no device and no certificate may come twice in it. */
export function manifestForms(): LineForms<Heading, Device, ManifestDevice, Ending> {
  const uids = new FirstSeen()
  const certificates = new FirstSeen()
  return {
    heading: readHeading,
    ending: readEnding,
    device: readDevice,
    accept: (device, { issuer }, number) => {
      const { uid, certificate } = device
      const { serialNumber: serial, fingerprint, der } = certificate
      const is = { serial, fingerprint, issuer: formatName(certificate.issuer) }
      if (device.serial !== is.serial) throw invalid(number, 'serial is not that of the certificate')
      if (device.fingerprint !== is.fingerprint) throw invalid(number, 'fingerprint is not that of the certificate')
      if (device.issuer !== is.issuer) throw invalid(number, 'issuer is not that of the certificate')
      if (certificate.issuerHash !== issuer.subjectHash) throw invalid(number, 'the certificate is of another issuer')
      if (uids.row(uid) !== undefined) throw invalid(number, 'its device came before')
      if (certificates.row(fingerprint) !== undefined) throw invalid(number, 'its certificate came before')
      uids.remember(uid, number)
      certificates.remember(fingerprint, number)
      return { uid, ...is, certificate: der }
    },
  }
}

/** The first line of a manifest, read. */
export interface Heading {
  readonly order: string
  readonly product: string
  readonly count: number
  readonly issuer: Certificate
}

/** A device's line, read. */
export interface Device {
  readonly uid: string
  readonly serial: string
  readonly fingerprint: string
  readonly issuer: string
  readonly certificate: Certificate
}

/** The closing line of a manifest, read. */
export interface Ending extends Closing {
  readonly ledger: { readonly entries: number; readonly hash: string }
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

/** Reads a member that is one certificate in PEM; `undefined`, with the problem noted, when it is none. */
export function readCertificate(members: Members, name: string): Certificate | undefined {
  const pem = members.text(name, CERTIFICATE_PEM, 'one certificate in PEM')
  if (pem === '') return undefined
  try {
    return parseCertificate(pem)
  } catch (error) {
    members.refuse(name, `is not a certificate: ${messageOf(error)}`)
    return undefined
  }
}

const CERTIFICATE_PEM = /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]{1,30000}-----END CERTIFICATE-----\n$/
