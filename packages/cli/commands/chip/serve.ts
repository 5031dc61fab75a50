import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type BusServer, serveSlave } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import type { Fault } from '@birthmark/foundation/kernel'
import { asFileFault } from '@birthmark/foundation/system'
import { Command, Option } from 'commander'
import { processOutput } from '../../output.ts'
import { listenForStop } from '../../signals.ts'
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
    .addHelpText('after', EXAMPLES)
    .action(serve)
}

interface ServeFlags {
  readonly chip?: string
  readonly socket?: string
  readonly tray?: string
  readonly timing: 'instant' | 'datasheet'
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
  const open: { readonly chip: VirtualChip; server?: BusServer }[] = []
  const onFault = (fault: Fault): void => output.say(`${fault.code}: ${fault.message}`)
  try {
    for (const { file, socket } of placesOf(flags)) {
      const served: (typeof open)[number] = { chip: await openVirtualChip({ file, timing: flags.timing, onFault }) }
      open.push(served)
      served.server = await serveSlave(socket, served.chip.slave, onFault)
      const ready = flags.tray === undefined ? { ready: true } : {}
      output.json({ ...ready, socket, uid: served.chip.uid })
      if (!output.jsonWanted) output.say(`Chip ${served.chip.uid} is served on ${socket}.`)
    }
    if (flags.tray !== undefined) output.json({ ready: true, chips: open.length })
    if (!output.jsonWanted) output.say('Stop with Ctrl-C.')
    await stop.told
  } finally {
    for (const { chip, server } of open) {
      await server?.close()
      await chip.close()
    }
  }
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

const EXAMPLES = `
Examples:
  birthmark chip serve --chip ./meter.chip --socket ./meter.sock
  birthmark chip serve --tray ./tray --timing datasheet --json`
