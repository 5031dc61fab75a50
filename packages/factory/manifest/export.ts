import { inFile, isFault } from '@birthmark/foundation/kernel'
import { replaceFileInParts } from '@birthmark/foundation/system'
import { type Certificate, parseCertificate, type Signer, toPem } from '@birthmark/foundation/x509'
import { fileBytes } from './bytes.ts'
import { deviceListLines } from './device-list.ts'
import { manifestFault } from './faults.ts'
import { signOwn } from './own.ts'
import type { ListedDevice } from './row.ts'

/** What of a device a parameter of bulk registration may carry. */
export const BULK_FIELDS = [
  'uid',
  'common-name',
  'subject-serial-number',
  'serial',
  'fingerprint',
  'certificate',
  'ca-certificate',
] as const

/** One of {@link BULK_FIELDS}. */
export type BulkField = (typeof BULK_FIELDS)[number]

/** The template's parameters, each with what it carries. */
export type BulkParameters = ReadonlyMap<string, BulkField>

/**
 * Writes JSON lines for AWS IoT's bulk registration (StartThingRegistrationTask): per line one object with the
 * parameters of the provisioning template, every value a string.
 *
 * @throws `MANIFEST_UNFIT` (caller) for a device that lacks a field or breaks one of AWS's limits; the faults of files
 */
export async function writeAwsBulk(
  path: string,
  devices: AsyncIterable<ListedDevice>,
  parameters: BulkParameters,
): Promise<void> {
  await replaceFileInParts(path, bulkLines(devices, parameters))
}

/**
 * Writes the numbers of the elements, one a line, for lists of who may claim an identity.
 *
 * @throws `MANIFEST_UNFIT` (caller) for a device without a number; the faults of files
 */
export async function writeUids(path: string, devices: AsyncIterable<ListedDevice>): Promise<void> {
  await replaceFileInParts(path, uidLines(devices))
}

/**
 * Writes a list of devices in our own form, closed by a hash and, with a signer, by a signature.
 *
 * @param from The format of the manifest that was checked.
 * @throws the faults of files, and what the signer throws
 */
export async function writeDeviceList(
  path: string,
  from: string,
  devices: AsyncIterable<ListedDevice>,
  signer?: Signer,
): Promise<void> {
  await replaceFileInParts(path, deviceListLines(from, devices, signer))
}

/**
 * Writes one of our own files again, with a signature as its last line: a line's manifest, or a list of devices.
 *
 * @throws `MANIFEST_INVALID` (peer), also when it is signed already; the faults of files, and what the signer throws
 */
export async function signManifest(path: string, out: string, signer: Signer): Promise<void> {
  try {
    await replaceFileInParts(out, signOwn(fileBytes(path), signer))
  } catch (error) {
    throw isFault(error, 'MANIFEST_INVALID') ? inFile(path, error) : error
  }
}

async function* uidLines(devices: AsyncIterable<ListedDevice>): AsyncGenerator<string, void, undefined> {
  for await (const { uid, row } of devices) {
    if (uid === undefined) throw manifestFault('MANIFEST_UNFIT', { row, format: 'a list of numbers', why: NO_UID })
    yield `${uid}\n`
  }
}

async function* bulkLines(
  devices: AsyncIterable<ListedDevice>,
  parameters: BulkParameters,
): AsyncGenerator<string, void, undefined> {
  for await (const device of devices) {
    const values = Object.fromEntries([...parameters].map(([name, field]) => [name, bulkValue(device, name, field)]))
    const line = JSON.stringify(values)
    if (line.length > BULK_LINE_CHARACTERS_MAX)
      throw unfit(device, `it is longer than ${BULK_LINE_CHARACTERS_MAX} characters`)
    yield `${line}\n`
  }
}

function bulkValue(device: ListedDevice, name: string, field: BulkField): string {
  const value = fieldOf(device, field)
  if (value === undefined || value === '') throw unfit(device, `it has no ${field} for the parameter ${name}`)
  if (name === 'ThingName' && !THING_NAME.test(value))
    throw unfit(device, 'its name for the thing is not 1 to 128 of a-z, A-Z, 0-9, :, _ and -')
  return value
}

function fieldOf(device: ListedDevice, field: BulkField): string | undefined {
  const { uid, certificate: der, chain } = device
  if (field === 'uid') return uid
  if (field === 'ca-certificate') return chain[0] && toPem('CERTIFICATE', chain[0])
  if (der === undefined) return undefined
  const certificate = parseCertificate(der)
  switch (field) {
    case 'common-name':
      return attribute(certificate, 'CN')
    case 'subject-serial-number':
      return attribute(certificate, 'serialNumber')
    case 'serial':
      return certificate.serialNumber
    case 'fingerprint':
      return certificate.fingerprint
    case 'certificate':
      return certificate.toPem()
  }
}

function attribute({ subject }: Certificate, type: string): string | undefined {
  return subject.find((one) => one.type === type)?.value
}

function unfit({ row }: ListedDevice, why: string): Error {
  return manifestFault('MANIFEST_UNFIT', { row, format: 'a line of bulk registration', why })
}

const NO_UID = 'its format does not name the element'
/** AWS IoT Developer Guide, "Bulk registration": one line has at most 256,000 characters. */
const BULK_LINE_CHARACTERS_MAX = 256_000
/** AWS IoT API reference, CreateThing. */
const THING_NAME = /^[a-zA-Z0-9:_-]{1,128}$/
