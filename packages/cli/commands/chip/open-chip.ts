import { existsSync } from 'node:fs'
import { connectBus, openLinuxBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { Command } from 'commander'
import { type Output, processOutput } from '../../output.ts'

export const CHIP_COMMAND_FAULTS = {
  CHIP_NOT_NAMED: {
    blame: 'caller',
    message: 'no chip is named, or more than one',
    remedy:
      'Name one: --chip FILE for a chip in a file, --socket PATH for a served one, --i2c /dev/i2c-N for a real one.',
  },
  CHIP_FILE_ABSENT: {
    blame: 'caller',
    message: 'there is no chip at {path}',
    remedy: 'Name the file of a chip, or make one: birthmark chip new --chip FILE.',
  },
  CHIP_FILE_EXISTS: {
    blame: 'caller',
    message: 'there is something at {path} already',
    remedy: 'Name a file that does not exist; this one was left untouched.',
  },
  CHIP_SERVE_UNCLEAR: {
    blame: 'caller',
    message: 'it is not clear what to serve, and where',
    remedy: 'Name --chip FILE and --socket PATH for one chip, or --tray FOLDER for all chips of a folder.',
  },
  CHIP_TRAY_EMPTY: {
    blame: 'caller',
    message: 'there is no chip in {path}',
    remedy: 'Make some: birthmark chip new --tray FOLDER --count N.',
  },
  CHIP_INPUT_UNCLEAR: {
    blame: 'caller',
    message: 'name one of {options}',
    remedy: 'Add --help for the options and examples.',
  },
  CHIP_PUBLIC_KEY_UNREADABLE: {
    blame: 'caller',
    message: '{path} holds no public key in PEM',
    remedy: 'Name the file that birthmark chip keygen wrote.',
  },
  CHIP_PUBLIC_KEY_WRONG: {
    blame: 'caller',
    message: 'the public key is not the one of the P-256 key in {slot}',
    remedy: 'Name what birthmark chip keygen gave for this slot; a new key has another one.',
  },
} as const
export const chipCommandFault: Raise<typeof CHIP_COMMAND_FAULTS> = faults(CHIP_COMMAND_FAULTS)

/** The options that name a chip. */
export interface ChipFlags {
  readonly chip?: string
  readonly socket?: string
  readonly i2c?: string
  readonly json?: boolean
}

/** Starts a command that works on one chip, with the options that name it. */
export function commandOnChip(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option('--chip <file>', 'a virtual chip in a file')
    .option('--socket <path>', 'a virtual chip that is served on a socket')
    .option('--i2c <device>', 'a real chip on a bus of Linux, /dev/i2c-1 for example')
    .addHelpText('after', ['\nExamples:', ...examples.map((example) => `  birthmark chip ${example}`)].join('\n'))
}

/**
 * Opens the chip that the flags name, lets `work` have it, and lets go of it.
 *
 * @throws `CHIP_NOT_NAMED`, `CHIP_FILE_ABSENT`, what opening throws, and what `work` throws
 */
export async function onChip(flags: ChipFlags, work: (chip: TrustX, output: Output) => Promise<void>): Promise<void> {
  const { chip, close } = await openChip(flags)
  try {
    await work(chip, processOutput({ json: flags.json === true }))
  } finally {
    await close()
  }
}

async function openChip(flags: ChipFlags): Promise<{ readonly chip: TrustX; readonly close: () => Promise<void> }> {
  const { chip: file, socket, i2c: device } = flags
  if ([file, socket, device].filter((name) => name !== undefined).length !== 1) throw chipCommandFault('CHIP_NOT_NAMED')
  if (file !== undefined) return openFile(file)
  const bus = socket === undefined ? await openLinuxBus(device ?? '') : await connectBus(socket)
  try {
    const chip = await TrustX.open(bus)
    return { chip, close: () => chip.close() }
  } catch (error) {
    await bus.close()
    throw error
  }
}

async function openFile(file: string): ReturnType<typeof openChip> {
  // A misspelt name must not make a chip.
  if (!existsSync(file)) throw chipCommandFault('CHIP_FILE_ABSENT', { path: file })
  const virtual = await openVirtualChip({ file })
  const chip = await TrustX.open(virtual)
  return { chip, close: () => virtual.close() }
}
