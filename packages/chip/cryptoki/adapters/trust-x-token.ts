import { type Pins, Token } from '@birthmark/chip/cryptoki'
import type { TrustX } from '@birthmark/chip/trust-x/adapters'
import { TrustXSource } from './trust-x-source.ts'

/** What a chip's token is besides the chip. */
export interface TrustXTokenOptions {
  /** Up to 32 characters; default is `trust-x-` and the serial number. */
  readonly label?: string
  /** Whether the vendor's own key and certificate (E0F0, E0E0) are shown; default true. */
  readonly withVendor?: boolean
  /** Gives the PINs of the chip with this serial number; without them no login is needed. */
  readonly pinsOf?: (serial: string) => Pins
}

/** Opens a Trust X as a token. The faults are the chip's own. */
export async function openTrustXToken(chip: TrustX, options: TrustXTokenOptions = {}): Promise<Token> {
  const { uid } = await chip.identify()
  const serial = uid.slice(UID_UNIQUE_FROM, UID_UNIQUE_TO)
  const source = await TrustXSource.open(chip, serial, options.pinsOf?.(serial), options.withVendor ?? true)
  return new Token(source, { label: options.label ?? `trust-x-${serial}` })
}

/** The hex digits of the UID that number the chip: batch and place on the wafer, without the last two of 20. */
const UID_UNIQUE_FROM = 26
const UID_UNIQUE_TO = 42
