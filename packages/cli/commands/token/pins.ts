import { join } from 'node:path'
import type { Pins, Role } from '@birthmark/chip/cryptoki'
import { openPinFile } from '@birthmark/chip/cryptoki/adapters'
import { encodeUtf8 } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile } from '@birthmark/foundation/system'
import { tokenCommandFault } from './faults.ts'

/** The options about PINs. */
export interface PinFlags {
  readonly pinFile?: string
  readonly soPinFile?: string
  readonly state?: string
}

/** Reads a PIN from its file. @throws `TOKEN_PIN_UNUSABLE` */
export function readPin(path: string): string {
  const pin = readTextFile(path)?.replace(/\r?\n$/, '') ?? ''
  const bytes = encodeUtf8(pin).length
  if (/[\r\n\0]/.test(pin) || bytes < 4 || bytes > 64) throw tokenCommandFault('TOKEN_PIN_UNUSABLE', { path })
  return pin
}

/**
 * Gives what opens the PINs of a chip: in a file beside the chip's own, or in the folder of `--state`.
 *
 * @throws `TOKEN_STATE_NOT_NAMED` when PINs are demanded of a chip without a file
 */
export function pinsOf(chip: string, hasFile: boolean, flags: PinFlags): ((serial: string) => Pins) | undefined {
  const { state, pinFile, soPinFile } = flags
  if (state !== undefined) return (serial) => openPinFile(join(makeFolder(state), `${serial}.token`))
  if (hasFile) return () => openPinFile(`${chip}.token`)
  if (pinFile ?? soPinFile) throw tokenCommandFault('TOKEN_STATE_NOT_NAMED', { chip })
  return undefined
}

/** Sets the PINs that files name where there are none yet, and says so when another one counts. */
export async function providePins(pins: Pins, flags: PinFlags, say: (line: string) => void): Promise<void> {
  const rows: readonly (readonly [Role, string | undefined])[] = [
    ['so', flags.soPinFile],
    ['user', flags.pinFile],
  ]
  for (const [role, path] of rows) {
    if (path === undefined) continue
    const isCurrent = await pins.provide(role, encodeUtf8(readPin(path)))
    if (!isCurrent) say(`The PIN in ${path} is not the token's any more: it was changed, and the changed one counts.`)
  }
}
