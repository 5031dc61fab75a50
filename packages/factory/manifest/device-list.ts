import type { Members } from '@birthmark/factory/json'
import { messageOf } from '@birthmark/foundation/kernel'
import { formatName, fromPem, parseCertificates, type Signer, toPem } from '@birthmark/foundation/x509'
import { readCertificate } from './parse.ts'
import type { ListedDevice } from './row.ts'
import { type Closing, type LineForms, SHA256, sealedLines } from './sealed-lines.ts'

/** The form of a list of devices that were checked, whatever manifest they came from; another one is refused. */
export const DEVICE_LIST_FORMAT = 'birthmark-devices/1'

/** Gives the lines of a device list. @param from The format of the manifest that was checked. */
export function deviceListLines(
  from: string,
  devices: AsyncIterable<ListedDevice>,
  signer: Signer | undefined,
): AsyncGenerator<string, void, undefined> {
  return sealedLines({ format: DEVICE_LIST_FORMAT, from }, lineObjects(devices), {}, signer)
}

async function* lineObjects(devices: AsyncIterable<ListedDevice>): AsyncGenerator<object> {
  for await (const { row, uid, slot, certificate, fingerprint, subject, key, chain } of devices) {
    yield {
      row,
      uid,
      slot,
      ...(certificate === undefined
        ? { key: key && toPem('PUBLIC KEY', key) }
        : { fingerprint, subject, certificate: toPem('CERTIFICATE', certificate) }),
      ...(chain.length > 0 && { chain: chain.map((der) => toPem('CERTIFICATE', der)).join('') }),
    }
  }
}

/** The lines of a device list. */
export const DEVICE_LIST_FORMS: LineForms<object, ListedDevice, ListedDevice, Closing> = {
  heading: (members) => {
    members.word('format', [DEVICE_LIST_FORMAT])
    return { from: members.text('from', /^[a-z0-9]{1,16}$/, 'the name of a format') }
  },
  device: readDevice,
  accept: (device) => device,
  ending: (members) => ({
    devices: members.integer('devices', 0, Number.MAX_SAFE_INTEGER),
    sha256: members.text('sha256', SHA256, 'a SHA-256 in hex'),
  }),
}

function readDevice(members: Members): ListedDevice {
  const row = members.integer('row', 1, Number.MAX_SAFE_INTEGER)
  const uid = members.has('uid')
    ? members.text('uid', /^[a-zA-Z0-9_-]{1,128}$/, '1 to 128 of a-z, 0-9, - and _')
    : undefined
  const slot = members.has('slot') ? members.text('slot', /^.{1,16}$/s, 'the name of a key slot') : undefined
  const named = { row, ...(uid !== undefined && { uid }), ...(slot !== undefined && { slot }) }
  const chain = members.has('chain') ? readChain(members) : []
  if (members.has('certificate')) return { ...named, ...readIdentity(members), chain }
  const key = members.has('key') ? readKey(members) : undefined
  return { ...named, ...(key !== undefined && { key }), chain }
}

function readIdentity(members: Members): Pick<ListedDevice, 'certificate' | 'fingerprint' | 'subject' | 'key'> {
  const fingerprint = members.text('fingerprint', SHA256, 'a SHA-256 in hex')
  const subject = members.text('subject', /^.{0,8192}$/s, 'a name')
  const certificate = readCertificate(members, 'certificate')
  if (certificate === undefined) return {}
  if (certificate.fingerprint !== fingerprint) members.refuse('fingerprint', 'is not that of the certificate')
  if (formatName(certificate.subject) !== subject) members.refuse('subject', 'is not that of the certificate')
  return { certificate: certificate.der, fingerprint, subject, key: certificate.publicKey }
}

function readChain(members: Members): Uint8Array[] {
  const pem = members.text('chain', /^-----BEGIN CERTIFICATE-----\n/, 'certificates in PEM')
  return readPem(members, 'chain', () => parseCertificates(pem).map(({ der }) => der)) ?? []
}

function readKey(members: Members): Uint8Array | undefined {
  const pem = members.text('key', /^-----BEGIN PUBLIC KEY-----\n/, 'a public key in PEM')
  return readPem(members, 'key', () => fromPem(pem, 'PUBLIC KEY'))?.[0]
}

function readPem(members: Members, name: string, read: () => Uint8Array[]): Uint8Array[] | undefined {
  try {
    return read()
  } catch (error) {
    members.refuse(name, `cannot be read: ${messageOf(error)}`)
    return undefined
  }
}
