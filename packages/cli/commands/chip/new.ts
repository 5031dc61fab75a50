import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { makeVendor, openVirtualChip } from '@birthmark/chip/trust-x/adapters'
import { makeFolder, replaceFile, systemClock, systemEntropy } from '@birthmark/foundation/system'
import { toPem } from '@birthmark/foundation/x509'
import { Command, InvalidArgumentError } from 'commander'
import { processOutput } from '../../output.ts'
import { chipCommandFault } from './open-chip.ts'

/** `birthmark chip new`: virtual chips as a vendor ships them. */
export function newCommand(): Command {
  return new Command('new')
    .description("Make a virtual chip as it leaves the vendor: a UID, the vendor's key and certificate, nothing else.")
    .option('--chip <file>', 'where to make one chip')
    .option('--tray <folder>', 'where to make several, 00001.chip and so on')
    .option('--count <n>', 'how many chips the tray has', parseChips, 10)
    .option('--vendor-certificate <file>', "where to write the vendor's CA and its root, PEM; their keys are not kept")
    .addHelpText('after', EXAMPLES)
    .action(makeChips)
}

interface NewFlags {
  readonly chip?: string
  readonly tray?: string
  readonly count: number
  readonly vendorCertificate?: string
  readonly json?: boolean
}

async function makeChips(flags: NewFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const files = filesOf(flags)
  const taken = files.find((file) => existsSync(file))
  if (taken !== undefined) throw chipCommandFault('CHIP_FILE_EXISTS', { path: taken })
  const vendor = await makeVendor(systemClock, systemEntropy)
  if (flags.vendorCertificate !== undefined) {
    const chain = [vendor.certificate, vendor.root].map(({ der }) => toPem('CERTIFICATE', der))
    replaceFile(flags.vendorCertificate, chain.join(''), { mode: 0o644 })
  }
  for (const file of files) {
    const chip = await openVirtualChip({ file, vendor })
    await chip.close()
    output.json({ chip: file, uid: chip.uid })
    if (!output.jsonWanted) output.say(`Chip ${chip.uid} is in ${file}.`)
  }
}

function filesOf({ chip, tray, count }: NewFlags): string[] {
  if (chip !== undefined && tray === undefined) return [chip]
  if (tray === undefined || chip !== undefined) throw chipCommandFault('CHIP_NOT_NAMED')
  makeFolder(tray)
  return Array.from({ length: count }, (_, index) => join(tray, `${String(index + 1).padStart(5, '0')}.chip`))
}

function parseChips(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new InvalidArgumentError('Name a whole number from 1 to 99999.')
  return Number(text)
}

const EXAMPLES = `
Examples:
  birthmark chip new --chip ./meter.chip
  birthmark chip new --tray ./tray --count 20 --vendor-certificate ./vendor.pem`
