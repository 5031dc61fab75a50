import { replaceFileInParts } from '@birthmark/foundation/system'
import { formatName, parseCertificate, type Signer, toPem } from '@birthmark/foundation/x509'
import { MANIFEST_FORMAT, type ManifestHeading } from './manifest.ts'
import { sealedLines } from './sealed-lines.ts'

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
  /** Whose signature closes it; without one it can be checked for damage only. */
  readonly signer?: Signer
}

/**
 * Writes a manifest: JSON lines, a heading, one line per device, a last line with the SHA-256 of every byte before
 * it, and with a signer a signature over that line. A reader of the file sees the old content or the whole new one.
 * Works in constant memory.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and what reading the devices and the signer throw
 */
export async function writeManifest(path: string, { heading, devices, ledger, signer }: ManifestSource): Promise<void> {
  const { order, product, count, issuer } = heading
  const first = { format: MANIFEST_FORMAT, order, product, count, issuer: toPem('CERTIFICATE', issuer) }
  await replaceFileInParts(path, sealedLines(first, deviceLines(devices), { ledger }, signer))
}

/**
 * Writes certificates one after the other in PEM, for tools that know nothing of manifests.
 *
 * @throws `FILE_NOT_PERMITTED`, `DISK_FULL`, `FILE_UNUSABLE`, and what reading the devices throws
 */
export async function writePemBundle(
  path: string,
  devices: AsyncIterable<{ readonly certificate?: Uint8Array }>,
): Promise<void> {
  await replaceFileInParts(path, pemBlocks(devices))
}

async function* deviceLines(devices: AsyncIterable<FinishedDevice>): AsyncGenerator<object> {
  for await (const { uid, certificate } of devices) {
    const { serialNumber: serial, fingerprint, issuer } = parseCertificate(certificate)
    yield { uid, serial, fingerprint, issuer: formatName(issuer), certificate: toPem('CERTIFICATE', certificate) }
  }
}

async function* pemBlocks(devices: AsyncIterable<{ readonly certificate?: Uint8Array }>): AsyncGenerator<string> {
  for await (const { certificate } of devices) if (certificate !== undefined) yield toPem('CERTIFICATE', certificate)
}
