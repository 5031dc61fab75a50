import { toHex } from '@birthmark/foundation/kernel'
import { type Command, Option } from 'commander'
import { type ChipFlags, chipCommandFault, commandOnChip, onChip } from './open-chip.ts'
import { deliver, formatOid, parseCount, parseHex, parseOid, readInput } from './values.ts'

/** `birthmark chip read`: the content of an object. */
export function readCommand(): Command {
  return commandOnChip('read', 'Read the content of an object.', [
    'read 0xE0C2 --chip ./meter.chip',
    'read 0xE0E0 --chip ./meter.chip --out ./vendor-blob.bin',
  ])
    .argument('<object>', 'its identifier', parseOid)
    .option('--offset <n>', 'where to begin, in bytes', parseCount, 0)
    .option('--out <file>', 'write the bytes there')
    .action((oid: number, flags: ChipFlags & { readonly offset: number; readonly out?: string }) =>
      onChip(flags, async (chip, output) => {
        const content = await chip.getDataObject(oid, flags.offset)
        const document = { object: formatOid(oid), bytes: content.length, hex: toHex(content) }
        deliver({ document, content }, output, flags.out)
      }),
    )
}

interface WriteFlags extends ChipFlags {
  readonly hex?: Uint8Array
  readonly in?: string
  readonly offset: number
  readonly erase?: boolean
}

/** `birthmark chip write`: into an object. */
export function writeCommand(): Command {
  return commandOnChip('write', 'Write into an object.', [
    'write 0xF1D0 --hex 0102 --erase --chip ./meter.chip',
    'write 0xE0E8 --in ./anchor.der --erase --socket ./meter.sock',
  ])
    .argument('<object>', 'its identifier', parseOid)
    .option('--hex <digits>', 'the bytes to write', parseHex)
    .option('--in <file>', 'a file with the bytes to write; - is standard input')
    .option('--offset <n>', 'where to begin, in bytes', parseCount, 0)
    .option('--erase', 'erase what was there before')
    .action((oid: number, flags: WriteFlags) =>
      onChip(flags, async (chip, output) => {
        const content = contentOf(flags)
        await chip.setDataObject(oid, content, { offset: flags.offset, erase: flags.erase === true })
        output.json({ object: formatOid(oid), offset: flags.offset, bytes: content.length })
        if (!output.jsonWanted) output.say(`${content.length} bytes are in ${formatOid(oid)}.`)
      }),
    )
}

/** `birthmark chip random`: the chip's own entropy. */
export function randomCommand(): Command {
  return commandOnChip('random', "Give random bytes of the chip's own generator.", [
    'random --count 32 --chip ./meter.chip',
    'random --count 256 --generator deterministic --socket ./meter.sock --out ./seed.bin',
  ])
    .option('--count <n>', '8 to 256 bytes', parseCount, 32)
    .addOption(new Option('--generator <which>', 'which of the two').choices(['true', 'deterministic']).default('true'))
    .option('--out <file>', 'write the bytes there')
    .action(
      (
        flags: ChipFlags & {
          readonly count: number
          readonly generator: 'true' | 'deterministic'
          readonly out?: string
        },
      ) =>
        onChip(flags, async (chip, output) => {
          const content = await chip.getRandom(flags.count, flags.generator)
          deliver({ document: { bytes: content.length, hex: toHex(content) }, content }, output, flags.out)
        }),
    )
}

/** `birthmark chip lock`: for good. */
export function lockCommand(): Command {
  return commandOnChip('lock', "Make an object's content and access conditions unchangeable, for good.", [
    'lock 0xE0F1 --chip ./meter.chip',
  ])
    .argument('<object>', 'its identifier', parseOid)
    .action((oid: number, flags: ChipFlags) =>
      onChip(flags, async (chip, output) => {
        const object = formatOid(oid)
        await chip.lock(object)
        output.json({ object, locked: await chip.isLocked(object) })
        if (!output.jsonWanted) output.say(`${object} is locked for good.`)
      }),
    )
}

function contentOf({ hex, in: path }: WriteFlags): Uint8Array {
  if (hex !== undefined && path === undefined) return hex
  if (path !== undefined && hex === undefined) return readInput(path)
  throw chipCommandFault('CHIP_INPUT_UNCLEAR', { options: '--hex DIGITS and --in FILE' })
}
