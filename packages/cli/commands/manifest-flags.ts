import {
  MANIFEST_FORMATS,
  type ManifestRow,
  type ManifestSummary,
  type ManifestTrust,
  type ReadableFormat,
  readManifest,
} from '@birthmark/factory/manifest'
import { systemClock } from '@birthmark/foundation/system'
import type { SoftwareSigner } from '@birthmark/foundation/x509'
import { type Command, Option } from 'commander'
import type { Output } from '../output.ts'
import { namedFile, openKeyFile, readInput, readPassphrase } from './ca-folder.ts'

/** Which manifest, and what it is checked against. */
export interface ManifestFlags {
  readonly format: ReadableFormat
  readonly signer?: string
  readonly ca?: string
  readonly anyIssuer?: boolean
  readonly scrapped?: string
  readonly slot?: string
  readonly skipBadRows?: boolean
  readonly json?: boolean
}

/** Gives a command the options that name a manifest and whom to believe. */
export function readsManifest(command: Command, defaultFormat?: ReadableFormat): Command {
  const format = new Option('--format <name>', 'what the file is; it is never guessed').choices(MANIFEST_FORMATS)
  return command
    .argument('<file>', 'the manifest')
    .addOption(defaultFormat === undefined ? format.makeOptionMandatory() : format.default(defaultFormat))
    .option('--signer <file>', 'who must have signed it: certificates or public keys in PEM, from elsewhere')
    .option('--ca <file>', 'the CAs that must have issued its certificates, in PEM, from elsewhere')
    .option('--any-issuer', 'take certificates of any issuer from a file that nobody signed')
    .option(
      '--scrapped <file>',
      'numbers of elements or fingerprints of certificates, one a line, that must not be used',
    )
    .addOption(
      new Option('--slot <name>', 'for infineon: whose certificates, where a bundle holds several archives').choices([
        'E0E0',
        'E0E1',
        'E0E2',
        'E0E3',
      ]),
    )
}

/** Gives a command the option to go on without the rows that are wrong. */
export function maySkipRows(command: Command): Command {
  return command.option('--skip-bad-rows', 'leave wrong rows out; without it one wrong row means that nothing is used')
}

/** Gives a command the options that name a key. */
export function signsWithKey(command: Command, required: boolean): Command {
  const [key, pass] = ['--key <file>', '--passphrase-file <path>']
  const [forKey, forPass] = [
    'the private key that signs, encrypted PKCS#8 in PEM',
    'the file that holds its passphrase',
  ]
  return required
    ? command.requiredOption(key, forKey).requiredOption(pass, forPass)
    : command.option(key, forKey).option(pass, forPass)
}

/** Opens the key of {@link signsWithKey}. */
export function openKey(key: string, passphraseFile: string): SoftwareSigner {
  return openKeyFile(key, readPassphrase(passphraseFile))
}

/** Reads the rows that the flags name. */
export function rowsOf(path: string, flags: ManifestFlags): AsyncIterable<ManifestRow> {
  const { format, slot } = flags
  const trust: ManifestTrust = {
    ...(flags.signer !== undefined && { signers: readInput(flags.signer) }),
    ...(flags.ca !== undefined && { authorities: readInput(flags.ca) }),
    ...(flags.anyIssuer !== undefined && { anyIssuer: flags.anyIssuer }),
    ...(flags.scrapped !== undefined && { scrapped: parseScrapped(readInput(flags.scrapped)) }),
    now: systemClock.now(),
  }
  return readManifest({ path: namedFile(path), format, ...(slot !== undefined && { slot }) }, trust)
}

/** Tells of a row; people hear of those that are wrong. */
export function tellRow(row: ManifestRow, output: Output): void {
  const { ok, row: number, name } = row
  const found = row.ok
    ? { devices: row.devices.map(({ uid, slot, fingerprint, subject }) => ({ uid, slot, fingerprint, subject })) }
    : { problems: row.problems }
  output.json({ event: 'row', row: number, name, ok, ...found })
  if (output.jsonWanted || row.ok) return
  const where = name === undefined ? `row ${number}` : `row ${number} (${name})`
  for (const { check, why } of row.problems) output.say(`  ${where}: ${why} (${check}).`)
}

/** Says how many of what were read. */
export function tellSummary(summary: ManifestSummary, output: Output): void {
  output.json({ event: 'summary', ...summary })
  if (output.jsonWanted) return
  const { rows, bad, devices, withoutCertificate } = summary
  output.say(`${rows} rows: ${devices} devices, ${bad} rows are wrong.`)
  if (withoutCertificate > 0) output.say(`  ${withoutCertificate} devices are listed without a certificate`)
}

/** One number or fingerprint a line; empty lines and what follows a # do not count. */
function parseScrapped(text: string): ReadonlySet<string> {
  const entries = text.split('\n').map((line) => line.replace(/#.*/, '').trim().replaceAll(/[:-]/g, '').toLowerCase())
  return new Set(entries.filter((entry) => entry !== ''))
}
