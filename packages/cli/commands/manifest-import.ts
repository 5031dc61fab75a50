import { type CheckedDevices, withDevices } from '@birthmark/factory/manifest'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { parseCertificates } from '@birthmark/foundation/x509'
import { Command, InvalidArgumentError, Option } from 'commander'
import { accessFromEnvironment } from '../access.ts'
import { iotClient } from '../cloud-client.ts'
import { type Output, processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { parseInput } from './ca-folder.ts'
import { type ManifestFlags, maySkipRows, readsManifest, rowsOf, tellRow, tellSummary } from './manifest-flags.ts'
import { ImportJournal } from './manifest-journal.ts'
import { type RegistrationResult, registerDevices } from './manifest-register.ts'

export const MANIFEST_IMPORT_FAULTS = {
  MANIFEST_NOTHING_TO_REGISTER: {
    blame: 'caller',
    message: 'none of the {devices} devices has a certificate to register',
    remedy:
      'This format names elements alone: write their numbers with manifest export --uids, for a list of who may claim.',
  },
  MANIFEST_IMPORT_REFUSED: {
    blame: 'caller',
    message:
      'the cloud refused {failed} of {devices} certificates; {registered} were registered and {already} were there',
    remedy:
      'Mend what is said above for each of them and run the command again: those that are there stay as they are.',
  },
  MANIFEST_IMPORT_STOPPED: {
    blame: 'caller',
    message: 'the import was stopped; {registered} certificates were registered and {already} were there',
    remedy: 'Run the command again: it goes on where it stopped.',
  },
} as const
const importFault: Raise<typeof MANIFEST_IMPORT_FAULTS> = faults(MANIFEST_IMPORT_FAULTS)

/** `birthmark manifest import`. */
export function manifestImport(): Command {
  return maySkipRows(readsManifest(new Command('import')))
    .description("Check a manifest, then register its certificates with a cloud, over AWS IoT's own wire.")
    .requiredOption('--cloud <url>', 'the control plane', address)
    .option('--with-ca', 'register under the CA that the cloud knows; without it, without a CA (multi-account)')
    .addOption(
      new Option('--bulk', 'a hundred in one request: for a cloud of Birthmark, and many certificates').conflicts(
        'withCa',
      ),
    )
    .addOption(
      new Option('--status <status>', 'what the certificates become')
        .choices(['ACTIVE', 'INACTIVE'])
        .default('INACTIVE'),
    )
    .option('--parallel <count>', `calls under way at once, 1 to ${PARALLEL_MAX}`, parallel, PARALLEL_DEFAULT)
    .option('--journal <file>', 'remembers what the cloud has taken, so that a second run need not ask again')
    .addHelpText('after', EXAMPLES)
    .action(importManifest)
}

interface ImportFlags extends ManifestFlags {
  readonly cloud: string
  readonly withCa?: boolean
  readonly bulk?: boolean
  readonly status: 'ACTIVE' | 'INACTIVE'
  readonly parallel: number
  readonly journal?: string
}

async function importManifest(path: string, flags: ImportFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const policy = {
    skipBadRows: flags.skipBadRows === true,
    onRow: (row: Parameters<typeof tellRow>[0]) => {
      // The good rows are told of when they are registered.
      if (!row.ok) tellRow(row, output)
    },
  }
  await withDevices(rowsOf(path, flags), policy, async (devices) => {
    const count = await register(devices, flags, output, () => stop.isTold)
    tellSummary(devices.summary, output)
    const { registered, already, failed } = count
    output.json({ event: 'registration', ...count })
    if (!output.jsonWanted) output.say(`${registered} certificates were registered now, ${already} were there before.`)
    if (failed > 0) throw importFault('MANIFEST_IMPORT_REFUSED', { ...count, devices: devices.summary.devices })
    if (stop.isTold) throw importFault('MANIFEST_IMPORT_STOPPED', { registered, already })
  })
}

interface Count {
  registered: number
  already: number
  failed: number
}

async function register(
  devices: CheckedDevices,
  flags: ImportFlags,
  output: Output,
  isStopped: () => boolean,
): Promise<Count> {
  const { devices: all, withoutCertificate } = devices.summary
  if (all > 0 && all === withoutCertificate) throw importFault('MANIFEST_NOTHING_TO_REGISTER', { devices: all })
  const access = accessFromEnvironment(flags.cloud)
  const client = iotClient(access)
  const journal = ImportJournal.open(flags.journal, access)
  const count: Count = { registered: 0, already: 0, failed: 0 }
  try {
    await registerDevices(devices, {
      client,
      access,
      parallel: flags.parallel,
      status: flags.status,
      withCa: flags.withCa === true,
      inBulk: flags.bulk === true,
      authorities: flags.ca === undefined ? [] : parseInput(flags.ca, parseCertificates),
      isDone: (fingerprint) => journal.has(fingerprint),
      isStopped,
      onResult: (result) => {
        count[result.outcome] += 1
        if (result.outcome !== 'failed' && !journal.has(result.fingerprint)) journal.add(result.fingerprint)
        tellResult(result, output)
      },
    })
    return count
  } finally {
    journal.close()
    client.destroy()
  }
}

function tellResult({ reason, ...result }: RegistrationResult, output: Output): void {
  output.json({
    event: 'device',
    ...result,
    ...(reason !== undefined && { code: reason.code, message: reason.message }),
  })
  if (!output.jsonWanted && reason !== undefined) output.say(`  row ${result.row}: ${reason.message}.`)
}

function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('Name an address such as http://127.0.0.1:9080.')
  }
  return text
}

function parallel(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > PARALLEL_MAX) {
    throw new InvalidArgumentError(`Name a whole number from 1 to ${PARALLEL_MAX}.`)
  }
  return count
}

/** AWS takes 10 such calls a second unless asked for more: its client waits and tries again by itself. */
const PARALLEL_DEFAULT = 8
/** Above this the calls only wait for each other; each holds a socket. */
const PARALLEL_MAX = 64

const EXAMPLES = `
Examples:
  birthmark manifest import ./chips.json --format microchip --signer ./microchip-signer.pem \\
    --cloud http://127.0.0.1:9080 --status ACTIVE
  birthmark manifest import ./modules.csv --format espressif --ca ./vendor-ca.pem \\
    --cloud https://iot.eu-west-1.amazonaws.com --journal ./import.journal --skip-bad-rows
  birthmark manifest import ./lot.jsonl --format birthmark --signer ./line.pub --status ACTIVE \\
    --cloud http://127.0.0.1:9080 --bulk`
