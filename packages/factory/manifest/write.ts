import { createHash } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Fault } from '@birthmark/foundation/kernel'
import { asFileFault, flushFolder } from '@birthmark/foundation/system'
import { formatName, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { MANIFEST_FORMAT, type ManifestHeading } from './manifest.ts'

/** A device that goes into a manifest. */
export interface FinishedDevice {
  readonly uid: string
  readonly certificate: Uint8Array
}

/** What a manifest is written from. */
export interface ManifestSource {
  readonly heading: ManifestHeading
  readonly devices: AsyncIterable<FinishedDevice>
  /** Where the line's ledger stands. */
  readonly ledger: { readonly entries: number; readonly hash: string }
}

/**
 * Writes a manifest: JSON lines, a heading, one line per device, and a last line with the SHA-256 of every byte
 * before it. A reader of the file sees the old content or the whole new one. Works in constant memory.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and what reading the devices throws
 */
export async function writeManifest(path: string, source: ManifestSource): Promise<void> {
  await replaceFileInParts(path, manifestLines(source))
}

/**
 * Writes certificates one after the other in PEM, for tools that know nothing of manifests.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and what reading the devices throws
 */
export async function writePemBundle(path: string, devices: AsyncIterable<FinishedDevice>): Promise<void> {
  await replaceFileInParts(path, pemBlocks(devices))
}

async function* manifestLines({ heading, devices, ledger }: ManifestSource): AsyncGenerator<string> {
  const digest = createHash('sha256')
  const line = (content: object): string => {
    const text = `${JSON.stringify(content)}\n`
    digest.update(text)
    return text
  }
  const { order, product, count, issuer } = heading
  let written = 0
  yield line({ format: MANIFEST_FORMAT, order, product, count, issuer: toPem('CERTIFICATE', issuer) })
  for await (const device of devices) {
    yield line(deviceLine(device))
    written += 1
  }
  yield line({ devices: written, ledger, sha256: digest.copy().digest('hex') })
}

function deviceLine({ uid, certificate }: FinishedDevice): object {
  const { serialNumber: serial, fingerprint, issuer } = parseCertificate(certificate)
  return { uid, serial, fingerprint, issuer: formatName(issuer), certificate: toPem('CERTIFICATE', certificate) }
}

async function* pemBlocks(devices: AsyncIterable<FinishedDevice>): AsyncGenerator<string> {
  for await (const { certificate } of devices) yield toPem('CERTIFICATE', certificate)
}

/** Does what `replaceFile` of the system room does, for content that does not fit into memory. */
async function replaceFileInParts(path: string, parts: AsyncIterable<string>): Promise<void> {
  const draft = `${path}.new`
  try {
    const file = await open(draft, 'w', 0o600)
    try {
      await file.writeFile(parts)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
    flushFolder(dirname(path))
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw error instanceof Fault ? error : asFileFault(error, path)
  }
}
