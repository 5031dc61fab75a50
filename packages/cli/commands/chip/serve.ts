import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BusServer, serveSlave } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import type { Fault } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { processOutput } from '../../output.ts'
import { listenForStop } from '../../signals.ts'
import { drawSeed, type FaultRates, faultsOf, parseFaults, parseSeed } from './faults.ts'
import { chipCommandFault } from './open-chip.ts'

/** `birthmark chip serve`: one virtual chip, or a tray of them, on sockets. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Serve a virtual chip on a socket that speaks its I2C bus; a connection is a power cycle.')
    .option('--chip <file>', "the chip's memory; made when absent")
    .option('--socket <path>', 'where that chip listens, for this user only')
    .option('--tray <folder>', 'serve every NAME.chip of a folder on NAME.sock beside it')
    .addOption(
      new Option('--timing <timing>', 'answer at once, or take the time that silicon takes')
        .choices(['instant', 'datasheet'])
        .default('instant'),
    )
    .option(
      '--bus-khz <n>',
      'speed of the bus for --timing datasheet; above 400 the host must ask for it',
      parseKHz,
      400,
    )
    .option('--fault <rates>', `what goes wrong, and how often: ${FAULT_EXAMPLE}`, parseFaults)
    .option('--seed <n>', 'what the faults follow from; without it each run has others', parseSeed)
    .addHelpText('after', EXAMPLES)
    .action(serve)
}

interface ServeFlags {
  readonly chip?: string
  readonly socket?: string
  readonly tray?: string
  readonly timing: 'instant' | 'datasheet'
  readonly busKhz: number
  readonly fault?: FaultRates
  readonly seed?: number
  readonly json?: boolean
}

/** A chip's file, and where it listens. */
interface Place {
  readonly file: string
  readonly socket: string
}

async function serve(flags: ServeFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const { fault, seed = drawSeed() } = flags
  const open: { readonly chip: VirtualChip; server?: BusServer }[] = []
  const onFault = (fault: Fault): void => output.say(`${fault.code}: ${fault.message}`)
  try {
    for (const { file, socket } of placesOf(flags)) {
      const faults = fault === undefined ? {} : { faults: faultsOf(fault, seed, open.length) }
      const options = { file, timing: flags.timing, clockKHz: flags.busKhz, onFault, ...faults }
      const served: (typeof open)[number] = { chip: await openVirtualChip(options) }
      open.push(served)
      served.server = await serveSlave(socket, served.chip.slave, onFault)
      const ready = flags.tray === undefined ? { ready: true, ...seedOf(flags, seed) } : {}
      output.json({ ...ready, socket, uid: served.chip.uid })
      if (!output.jsonWanted) output.say(`Chip ${served.chip.uid} is served on ${socket}.`)
    }
    if (flags.tray !== undefined) output.json({ ready: true, chips: open.length, ...seedOf(flags, seed) })
    if (!output.jsonWanted && fault !== undefined) output.say(`Faults follow from seed ${seed}.`)
    if (!output.jsonWanted) output.say('Stop with Ctrl-C.')
    await stop.told
  } finally {
    for (const { chip, server } of open) {
      await server?.close()
      await chip.close()
    }
  }
}

function seedOf({ fault }: ServeFlags, seed: number): { readonly seed?: number } {
  return fault === undefined ? {} : { seed }
}

function parseKHz(text: string): number {
  const kHz = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (kHz < KHZ_MIN || kHz > KHZ_MAX)
    throw new InvalidArgumentError(`Name a speed from ${KHZ_MIN} to ${KHZ_MAX}, in kHz.`)
  return kHz
}

function placesOf({ chip, socket, tray }: ServeFlags): Place[] {
  if (tray === undefined && chip !== undefined && socket !== undefined) return [{ file: chip, socket }]
  if (tray === undefined || chip !== undefined || socket !== undefined) throw chipCommandFault('CHIP_SERVE_UNCLEAR')
  const names = listFolder(tray).filter((name) => name.endsWith(CHIP_ENDING))
  if (names.length === 0) throw chipCommandFault('CHIP_TRAY_EMPTY', { path: tray })
  return names.toSorted().map((name) => {
    const file = join(tray, name)
    return { file, socket: `${file.slice(0, -CHIP_ENDING.length)}.sock` }
  })
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw asFileFault(error, folder)
  }
}

const CHIP_ENDING = '.chip'

/** Slowest bus that makes sense, and the fastest that the chip knows, in kHz (data sheet v2.70, protocol constants). */
const KHZ_MIN = 10
const KHZ_MAX = 1000

const FAULT_EXAMPLE = 'nack=0.05,crc=0.05,lost=0.05,late=0.05,reset=0.01,brownout=0.01'

const EXAMPLES = `
Examples:
  birthmark chip serve --chip ./meter.chip --socket ./meter.sock
  birthmark chip serve --tray ./tray --timing datasheet --json
  birthmark chip serve --chip ./meter.chip --socket ./meter.sock --fault nack=0.05,crc=0.05 --seed 7`
