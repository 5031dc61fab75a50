import { shortLived } from '@birthmark/foundation/kernel'

/**
 * Cuts a message into packets of at most `packetBytesMax`, each led by its control byte PCTR. All but the last are
 * full; the last has at least two bytes.
 *
 * Source: IFX I2C protocol specification v1.65, transport layer (channel 0, no presentation layer).
 */
export function splitMessage(message: Uint8Array, packetBytesMax: number): Uint8Array[] {
  const dataMax = packetBytesMax - 1
  const packets: Uint8Array[] = []
  for (let at = 0; at === 0 || at < message.length; at += dataMax) {
    const isLast = at + dataMax >= message.length
    const packet = shortLived(1 + Math.min(dataMax, message.length - at))
    packet[0] = at === 0 ? (isLast ? CHAIN_SINGLE : CHAIN_FIRST) : isLast ? CHAIN_LAST : CHAIN_MIDDLE
    packet.set(at === 0 && isLast ? message : message.subarray(at, at + packet.length - 1), 1)
    packets.push(packet)
  }
  return packets
}

/** What a packet did to the message under construction. */
export type Reassembled =
  | { readonly kind: 'more' }
  | { readonly kind: 'message'; readonly message: Uint8Array }
  /** The order of the chain or the size of a packet is wrong; answer with {@link CHAINING_ERROR}. */
  | { readonly kind: 'broken' }
  /** The other side says so of our chain. */
  | { readonly kind: 'refused' }

/** Puts packets together again. */
export class Reassembly {
  readonly #messageBytesMax: number
  #chain: Uint8Array[] | undefined
  #kept = 0

  /** @param messageBytesMax What is beyond is not kept: a longer message comes out cut to this length. */
  constructor(messageBytesMax: number) {
    this.#messageBytesMax = messageBytesMax
  }

  /** Takes the next packet; `packetBytesMax` is what a packet inside a chain must measure. */
  accept(packet: Uint8Array, packetBytesMax: number): Reassembled {
    const control = packet[0] ?? CHAIN_NONE
    const wasOpen = this.#chain !== undefined
    switch (control) {
      case CHAIN_SINGLE:
        this.reset()
        return wasOpen ? BROKEN : { kind: 'message', message: copyOf(packet, this.#messageBytesMax) }
      case CHAIN_FIRST:
      case CHAIN_MIDDLE:
        if (wasOpen !== (control === CHAIN_MIDDLE) || packet.length !== packetBytesMax) return this.#broken()
        this.#keep(packet)
        return MORE
      case CHAIN_LAST:
        if (!wasOpen || packet.length < 2 || packet.length > packetBytesMax) return this.#broken()
        this.#keep(packet)
        return { kind: 'message', message: this.#take() }
      case CHAIN_REFUSED:
        this.reset()
        return packet.length === 1 ? REFUSED : BROKEN
      default:
        return this.#broken()
    }
  }

  /** Forgets a half-received chain. */
  reset(): void {
    this.#chain = undefined
    this.#kept = 0
  }

  #keep(packet: Uint8Array): void {
    const part = copyOf(packet, this.#messageBytesMax - this.#kept)
    this.#chain ??= []
    if (part.length > 0) this.#chain.push(part)
    this.#kept += part.length
  }

  #take(): Uint8Array {
    const message = shortLived(this.#kept)
    let at = 0
    for (const part of this.#chain ?? []) {
      message.set(part, at)
      at += part.length
    }
    this.reset()
    return message
  }

  #broken(): Reassembled {
    this.reset()
    return BROKEN
  }
}

/** Copies what a packet carries, up to `bytesMax` of it. */
function copyOf(packet: Uint8Array, bytesMax: number): Uint8Array {
  const copy = shortLived(Math.min(packet.length - 1, bytesMax))
  copy.set(packet.subarray(1, 1 + copy.length))
  return copy
}

/** Stands for the control byte of a packet without bytes; no chain position has this value. */
const CHAIN_NONE = 0xff
const CHAIN_SINGLE = 0x00
const CHAIN_FIRST = 0x01
const CHAIN_MIDDLE = 0x02
const CHAIN_LAST = 0x04
const CHAIN_REFUSED = 0x07

/** The one-byte packet that answers a chain which cannot be put together. */
export const CHAINING_ERROR: Uint8Array = Uint8Array.of(CHAIN_REFUSED)

const MORE: Reassembled = { kind: 'more' }
const BROKEN: Reassembled = { kind: 'broken' }
const REFUSED: Reassembled = { kind: 'refused' }
