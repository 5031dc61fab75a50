/** Shortcuts to the decoder, for the tests of this room. */
import type { Packet, ProtocolVersion } from '../packet.ts'
import { PacketDecoder } from '../packet-decoder.ts'

/** Decodes every packet in `chunks`, for a connection whose version is known; throws at the first fault. */
export function decodeAll(version: ProtocolVersion | undefined, ...chunks: readonly Uint8Array[]): Packet[] {
  const decoder = new PacketDecoder({ packetBytesMax: 268_435_460, ...(version === undefined ? {} : { version }) })
  const packets: Packet[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) packets.push(packet)
  }
  return packets
}

/** Decodes the one packet that `bytes` are. */
export function decodeOne(version: ProtocolVersion | undefined, bytes: Uint8Array): Packet {
  const [packet, ...more] = decodeAll(version, bytes)
  if (packet === undefined || more.length > 0) throw new Error('not exactly one packet')
  return packet
}
