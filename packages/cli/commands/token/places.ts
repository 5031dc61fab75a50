import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Token } from '@birthmark/chip/cryptoki'
import { openSoftwareToken, openTrustXToken } from '@birthmark/chip/cryptoki/adapters'
import type { I2cMaster } from '@birthmark/chip/i2c'
import { connectBus, openLinuxBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { asFileFault } from '@birthmark/foundation/system'
import { tokenCommandFault } from './faults.ts'
import { type PinFlags, pinsOf, providePins } from './pins.ts'

/** The options that name what to serve. */
export interface PlaceFlags extends PinFlags {
  readonly chip?: readonly string[]
  readonly software?: readonly string[]
  readonly label?: string
  /** False leaves the vendor's key and certificate out. */
  readonly vendor?: boolean
}

/** A token that is open, and how to let go of it. */
export interface OpenToken {
  readonly token: Token
  close(): Promise<void>
}

/**
 * Opens everything that the options name, one slot each, in their order. What was opened is closed again when one
 * cannot be.
 *
 * @throws `TOKEN_CHIP_NOT_NAMED`, `TOKEN_TRAY_EMPTY`, and what opening throws
 */
export async function openTokens(flags: PlaceFlags, say: (line: string) => void): Promise<readonly OpenToken[]> {
  const chips = (flags.chip ?? []).flatMap(chipsAt)
  const files = flags.software ?? []
  if (chips.length + files.length === 0) throw tokenCommandFault('TOKEN_CHIP_NOT_NAMED')
  const open: OpenToken[] = []
  try {
    for (const chip of chips) open.push(await openChip(chip, flags, say))
    for (const file of files) {
      const software = openSoftwareToken(file)
      open.push({ token: software.token, close: async () => software.close() })
    }
    return open
  } catch (error) {
    for (const each of open) await each.close()
    throw error
  }
}

type ChipPlace = { readonly kind: 'file' | 'socket' | 'i2c'; readonly path: string }

/** A name is what it leads to; where nothing is yet, a chip is made. */
function chipsAt(path: string): readonly ChipPlace[] {
  if (/^\/dev\/i2c-\d+$/.test(path)) return [{ kind: 'i2c', path }]
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isSocket() === true) return [{ kind: 'socket', path }]
  if (found?.isDirectory() !== true) return [{ kind: 'file', path }]
  const names = namesIn(path).filter((name) => name.endsWith('.chip'))
  if (names.length === 0) throw tokenCommandFault('TOKEN_TRAY_EMPTY', { path })
  return names.toSorted().map((name) => ({ kind: 'file', path: join(path, name) }))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    throw asFileFault(error, folder)
  }
}

async function openChip({ kind, path }: ChipPlace, flags: PlaceFlags, say: (line: string) => void): Promise<OpenToken> {
  const pins = pinsOf(path, kind === 'file', flags)
  const bus = await openBus({ kind, path })
  try {
    const chip = await TrustX.open(bus)
    const token = await openTrustXToken(chip, {
      ...(flags.label === undefined ? {} : { label: flags.label }),
      withVendor: flags.vendor ?? true,
      ...(pins === undefined ? {} : { pinsOf: pins }),
    })
    if (token.source.pins !== undefined) await providePins(token.source.pins, flags, say)
    return { token, close: () => chip.close() }
  } catch (error) {
    await bus.close()
    throw error
  }
}

function openBus({ kind, path }: ChipPlace): Promise<I2cMaster> {
  if (kind === 'i2c') return openLinuxBus(path)
  return kind === 'socket' ? connectBus(path) : openVirtualChip({ file: path, signsOften: true })
}
