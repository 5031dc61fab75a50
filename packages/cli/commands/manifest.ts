import {
  BULK_FIELDS,
  type BulkField,
  type BulkParameters,
  signManifest,
  withDevices,
  writeAwsBulk,
  writeDeviceList,
  writePemBundle,
  writeUids,
} from '@birthmark/factory/manifest'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { Command, InvalidArgumentError } from 'commander'
import { type Output, processOutput } from '../output.ts'
import { namedFile } from './ca-folder.ts'
import {
  type ManifestFlags,
  maySkipRows,
  openKey,
  readsManifest,
  rowsOf,
  signsWithKey,
  tellRow,
  tellSummary,
} from './manifest-flags.ts'
import { manifestImport } from './manifest-import.ts'

export const MANIFEST_COMMAND_FAULTS = {
  MANIFEST_OUTPUT_MISSING: {
    blame: 'caller',
    message: 'no output is named',
    remedy: 'Name at least one of --aws-bulk FILE, --pem FILE and --uids FILE.',
  },
  MANIFEST_KEY_INCOMPLETE: {
    blame: 'caller',
    message: 'a key without its passphrase is named, or a passphrase without a key',
    remedy: 'Name both --key and --passphrase-file, or neither.',
  },
} as const
const commandFault: Raise<typeof MANIFEST_COMMAND_FAULTS> = faults(MANIFEST_COMMAND_FAULTS)

/** `birthmark manifest`: batch files of vendors in, and of ours out. */
export function manifestCommand(): Command {
  return new Command('manifest')
    .description('Manifests: check what vendors give with their chips, register it, and write it for others.')
    .addCommand(manifestCheck())
    .addCommand(manifestConvert())
    .addCommand(manifestExport())
    .addCommand(manifestSign())
    .addCommand(manifestImport())
}

function manifestCheck(): Command {
  return readsManifest(new Command('check'))
    .description('Make every check that the format allows, and report row by row.')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark manifest check ./chips.json --format microchip --signer ./microchip-signer.pem\n' +
        '  birthmark manifest check ./modules.csv --format espressif --ca ./vendor-ca.pem --json',
    )
    .action(async (path: string, flags: ManifestFlags) => {
      const output = processOutput({ json: flags.json === true })
      await withRows(path, flags, output, async () => undefined)
      if (!output.jsonWanted) output.say('Every check that the format allows was passed.')
    })
}

function manifestConvert(): Command {
  return maySkipRows(signsWithKey(readsManifest(new Command('convert')), false))
    .description("Write a vendor's manifest as a list of devices in our own form, signed if you like.")
    .requiredOption('--out <file>', 'where the list goes')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark manifest convert ./bundle.7z --format infineon --ca ./infineon-ca.pem' +
        ' --out ./devices.jsonl --key ./maker.key.pem --passphrase-file ./maker.pass',
    )
    .action(convert)
}

interface ConvertFlags extends ManifestFlags {
  readonly out: string
  readonly key?: string
  readonly passphraseFile?: string
}

async function convert(path: string, flags: ConvertFlags): Promise<void> {
  const { out, key, passphraseFile } = flags
  if ((key === undefined) !== (passphraseFile === undefined)) throw commandFault('MANIFEST_KEY_INCOMPLETE')
  const signer = key === undefined || passphraseFile === undefined ? undefined : openKey(key, passphraseFile)
  const output = processOutput({ json: flags.json === true })
  await withRows(path, flags, output, (devices) => writeDeviceList(out, flags.format, devices, signer))
  if (!output.jsonWanted) output.say(`The list is in ${out}.`)
}

function manifestExport(): Command {
  return maySkipRows(readsManifest(new Command('export'), 'birthmark'))
    .description("Write a manifest for others: AWS IoT's bulk registration, certificates in PEM, numbers of elements.")
    .option('--aws-bulk <file>', 'JSON lines for StartThingRegistrationTask')
    .option('--pem <file>', 'certificates in PEM, for registration without a CA')
    .option('--uids <file>', 'the numbers of the elements, one a line')
    .option(
      '--parameter <name=field...>',
      `for --aws-bulk: a template's parameter and what it carries (${FIELDS})`,
      parameter,
    )
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark manifest export ./line/manifest.jsonl --ca ./issuing.pem --aws-bulk ./bulk.jsonl\n' +
        '  birthmark manifest export ./line/manifest.jsonl --ca ./issuing.pem --aws-bulk ./bulk.jsonl' +
        ' --parameter Serial=uid --parameter Pem=certificate\n' +
        '  birthmark manifest export ./modules.csv --format espressif --ca ./ca.pem --pem ./certificates.pem',
    )
    .action(exportManifest)
}

interface ExportFlags extends ManifestFlags {
  readonly awsBulk?: string
  readonly pem?: string
  readonly uids?: string
  readonly parameter?: BulkParameters
}

async function exportManifest(path: string, flags: ExportFlags): Promise<void> {
  const { awsBulk, pem, uids, parameter: parameters = DEFAULT_PARAMETERS } = flags
  if (awsBulk === undefined && pem === undefined && uids === undefined) throw commandFault('MANIFEST_OUTPUT_MISSING')
  const output = processOutput({ json: flags.json === true })
  await withRows(path, flags, output, async (devices) => {
    if (awsBulk !== undefined) await writeAwsBulk(awsBulk, devices, parameters)
    if (pem !== undefined) await writePemBundle(pem, devices)
    if (uids !== undefined) await writeUids(uids, devices)
  })
}

function manifestSign(): Command {
  return signsWithKey(new Command('sign'), true)
    .description(
      "Sign a line's manifest, or a list of devices, so that the next company can tell it from a forged one.",
    )
    .argument('<file>', 'the manifest')
    .requiredOption('--out <file>', 'where the signed manifest goes')
    .addHelpText(
      'after',
      '\nExample:\n  birthmark manifest sign ./line/manifest.jsonl --key ./maker.key.pem' +
        ' --passphrase-file ./maker.pass --out ./manifest.signed.jsonl',
    )
    .action(sign)
}

async function sign(
  path: string,
  flags: { readonly key: string; readonly passphraseFile: string; readonly out: string; readonly json?: boolean },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await signManifest(namedFile(path), flags.out, openKey(flags.key, flags.passphraseFile))
  output.json({ manifest: flags.out })
  if (!output.jsonWanted) output.say(`The signed manifest is in ${flags.out}.`)
}

/** Reads and tells of every row, then hands the devices on. */
async function withRows(
  path: string,
  flags: ManifestFlags,
  output: Output,
  use: Parameters<typeof withDevices<void>>[2],
): Promise<void> {
  const policy = { skipBadRows: flags.skipBadRows === true, onRow: tellTo(output) }
  await withDevices(rowsOf(path, flags), policy, async (devices) => {
    await use(devices)
    tellSummary(devices.summary, output)
  })
}

function tellTo(output: Output): (row: Parameters<typeof tellRow>[0]) => void {
  return (row) => tellRow(row, output)
}

/** Reads one `--parameter` and adds it to those before. */
function parameter(text: string, before: BulkParameters = new Map<string, BulkField>()): BulkParameters {
  const [, name = '', word] = /^([^=]{1,2048})=(.*)$/.exec(text) ?? []
  const field = BULK_FIELDS.find((one) => one === word)
  if (field === undefined) throw new InvalidArgumentError(`Write NAME=FIELD, with FIELD one of ${FIELDS}.`)
  return new Map([...before, [name, field]])
}

const FIELDS = BULK_FIELDS.join(', ')
const DEFAULT_PARAMETERS: BulkParameters = new Map<string, BulkField>([
  ['ThingName', 'uid'],
  ['CertificatePem', 'certificate'],
])
