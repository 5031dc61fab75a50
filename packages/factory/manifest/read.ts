import { type Instant, inFile, isFault, messageOf } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificates } from '@birthmark/foundation/x509'
import { readPemList, readPkcs7 } from './bundles.ts'
import { type Bytes, fileBytes } from './bytes.ts'
import { checkRows } from './check-rows.ts'
import { readEspressif } from './espressif.ts'
import { manifestFault } from './faults.ts'
import { readInfineon } from './infineon.ts'
import { readMicrochip } from './microchip.ts'
import { readOwn } from './own.ts'
import type { ManifestRow, RawRow } from './row.ts'
import { PinnedSigners } from './signers.ts'

/**
 * The formats that are read: our own (a line's manifest, or a list of devices), Microchip's signed JSON, Infineon's
 * archive, Espressif's CSV, certificates in PEM, and bundles of PKCS#7.
 */
export const MANIFEST_FORMATS = ['birthmark', 'microchip', 'infineon', 'espressif', 'pem', 'pkcs7'] as const

/** One of {@link MANIFEST_FORMATS}. The reader is told; it never guesses from the file. */
export type ReadableFormat = (typeof MANIFEST_FORMATS)[number]

/** What a manifest is checked against. Everything in it came on another way than the manifest. */
export interface ManifestTrust {
  /** Who must have signed the file: certificates or public keys in PEM. Required where a format is signed. */
  readonly signers?: string
  /** The CAs that must have issued every certificate, in PEM: issuing CAs or roots. */
  readonly authorities?: string
  /** Takes certificates of any issuer where the file has no signature; otherwise that is refused. */
  readonly anyIssuer?: boolean
  /** Numbers of elements and fingerprints of certificates (hex, lower case) that must not be used any more. */
  readonly scrapped?: ReadonlySet<string>
  readonly now: Instant
}

/** Which file, in which format. */
export interface ManifestInput {
  readonly path: string
  readonly format: ReadableFormat
  /** For `infineon`: the slot whose certificates are wanted, `E0E0` to `E0E3`. */
  readonly slot?: string
}

/**
 * Reads a manifest row by row and makes every check that its format allows: the signature by a pinned signer, signed
 * and unsigned ids, each key against its certificate, the chain up to a pinned CA, validity, duplicates, scrapped
 * elements. Memory stays bounded ({@link MANIFEST_LIMITS}) whatever the file holds.
 *
 * A row that is wrong is given with its reasons and the reading goes on; nothing may be used before the reading has
 * ended, as what is wrong with the file as a whole may come last. `withDevices` keeps to that.
 *
 * @throws `MANIFEST_SIGNER_MISSING`, `MANIFEST_CA_MISSING`, `MANIFEST_SIGNER_UNFIT` (caller), `MANIFEST_UNREADABLE`,
 * `MANIFEST_INVALID` (peer), `ARCHIVE_PROGRAM_MISSING`, `FILE_NOT_PERMITTED`, `FILE_UNUSABLE` (operator)
 */
export async function* readManifest(
  input: ManifestInput,
  trust: ManifestTrust,
): AsyncGenerator<ManifestRow, void, undefined> {
  try {
    const anchors = trust.authorities === undefined ? [] : parseAnchors(trust.authorities)
    const signers = trust.signers === undefined ? undefined : PinnedSigners.fromPem(trust.signers)
    const isVouchedFor = anchors.length > 0 || trust.anyIssuer === true
    const { rows, authorities } = await open({ ...input, signers, isVouchedFor })
    const rules = { anchors, authorities, scrapped: trust.scrapped ?? new Set<string>(), now: trust.now }
    yield* checkRows(input.format, rows, rules)
  } catch (error) {
    // The others are about what the file is checked against.
    const isOfFile = isFault(error, 'MANIFEST_INVALID') || isFault(error, 'MANIFEST_UNREADABLE')
    throw isOfFile ? inFile(input.path, error) : error
  }
}

interface Opening extends ManifestInput {
  readonly signers: PinnedSigners | undefined
  /** Whether a CA vouches for the rows, or the caller needs nobody. */
  readonly isVouchedFor: boolean
}

interface Opened {
  readonly rows: AsyncIterable<RawRow>
  readonly authorities: readonly Certificate[]
}

async function open({ path, format, slot, signers, isVouchedFor }: Opening): Promise<Opened> {
  const bytes = fileBytes(path)
  if (format === 'microchip') {
    if (signers === undefined) throw manifestFault('MANIFEST_SIGNER_MISSING', { format })
    return bare(readMicrochip(bytes, signers))
  }
  const isSigned = format === 'birthmark' && signers !== undefined
  if (!isVouchedFor && !isSigned) throw manifestFault('MANIFEST_CA_MISSING', { format })
  if (signers !== undefined && !isSigned) {
    throw manifestFault('MANIFEST_SIGNER_UNFIT', { what: 'signer', why: `a ${format} manifest has no signature` })
  }
  return openUnsigned(format, { bytes, path, slot, signers })
}

interface Source {
  readonly bytes: Bytes
  readonly path: string
  readonly slot: string | undefined
  readonly signers: PinnedSigners | undefined
}

async function openUnsigned(format: Exclude<ReadableFormat, 'microchip'>, source: Source): Promise<Opened> {
  switch (format) {
    case 'birthmark':
      return bare(readOwn(source.bytes, source.signers))
    case 'infineon':
      return bare(readInfineon(source.path, source.slot))
    case 'espressif':
      return bare(readEspressif(source.bytes))
    case 'pem':
      return readPemList(source.bytes)
    case 'pkcs7':
      return readPkcs7(source.bytes)
  }
}

function bare(rows: AsyncIterable<RawRow>): Opened {
  return { rows, authorities: [] }
}

function parseAnchors(pem: string): Certificate[] {
  try {
    return parseCertificates(pem)
  } catch (error) {
    throw manifestFault('MANIFEST_SIGNER_UNFIT', { what: 'CA', why: messageOf(error) }, error)
  }
}
