import {
  AWS_PROFILE,
  encodePacket,
  NO_PROPERTIES,
  type Packet,
  PacketDecoder,
  type ProtocolVersion,
  type Publish,
} from '@birthmark/cloud/mqtt'
import mqttPacket from 'mqtt-packet'

/*
 * Packets a second that the codec decodes from and encodes to bytes, on one core, against mqtt-packet in the same run:
 * the PUBLISH of a device (26 bytes of topic, 64 of payload, 50 topics in turn), in 3.1.1 and in 5.0 with properties.
 *
 *     node bench/mqtt-codec.ts
 */

/** How much is measured. */
export interface CodecBenchSize {
  /** A multiple of 500. */
  readonly packets: number
  /** Rounds, ours and theirs in turn; the median counts. */
  readonly rounds: number
}

/** Packets a second, and a sum over all packets that must be the same on both sides. */
export interface CodecComparison {
  readonly what: string
  readonly ours: number
  readonly theirs: number
  readonly checksums: readonly [ours: number, theirs: number]
}

/** Measures both codecs in turn, for each of {@link SHAPES}. */
export function measureCodec(size: CodecBenchSize): readonly CodecComparison[] {
  return SHAPES.flatMap((shape) => [
    compare(
      `decode ${shape.name}`,
      size,
      () => decodeOurs(shape, size.packets),
      () => decodeTheirs(shape, size.packets),
    ),
    compare(
      `encode ${shape.name}`,
      size,
      () => encodeOurs(shape, size.packets),
      () => encodeTheirs(shape, size.packets),
    ),
  ])
}

interface Shape {
  readonly name: string
  readonly version: ProtocolVersion
  readonly qos: 0 | 1
  readonly hasProperties: boolean
}

/** A run of one codec: packets a second, and the checksum. */
interface Run {
  readonly perSecond: number
  readonly checksum: number
}

function compare(what: string, { rounds }: CodecBenchSize, ours: () => Run, theirs: () => Run): CodecComparison {
  const runs = Array.from({ length: rounds }, () => [ours(), theirs()] as const)
  const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  return {
    what,
    ours: middle(runs.map(([run]) => run.perSecond)),
    theirs: middle(runs.map(([, run]) => run.perSecond)),
    checksums: [runs[0]?.[0].checksum ?? 0, runs[0]?.[1].checksum ?? 0],
  }
}

/** Chunks as a socket gives them, a few hundred packets each; the checksum is over payload and topic lengths. */
function decodeOurs(shape: Shape, count: number): Run {
  const chunk = chunkOf(shape)
  const decoder = new PacketDecoder({ version: shape.version, packetBytesMax: AWS_PROFILE.packetBytesMax })
  return timed(count, (index) => {
    if (index % CHUNK_PACKETS === 0) decoder.push(chunk)
    return sizeOf(decoder.next())
  })
}

function decodeTheirs(shape: Shape, count: number): Run {
  const chunk = chunkOf(shape)
  const parser = mqttPacket.parser({ protocolVersion: shape.version })
  let sizes = 0
  parser.on('packet', (packet) => {
    if (packet.cmd === 'publish') sizes += packet.topic.length + packet.payload.length
  })
  return timed(count, (index) => {
    sizes = 0
    if (index % CHUNK_PACKETS === 0) parser.parse(chunk)
    return sizes
  })
}

function encodeOurs(shape: Shape, count: number): Run {
  const packets = packetsOf(shape)
  return timed(count, (index) => encodePacket(packetAt(packets, index), shape.version).length)
}

function encodeTheirs(shape: Shape, count: number): Run {
  const packets = packetsOf(shape).map((packet) => ({
    cmd: 'publish' as const,
    topic: packet.topic,
    payload: Buffer.from(packet.payload),
    qos: shape.qos,
    retain: false,
    dup: false,
    ...(packet.packetId === undefined ? {} : { messageId: packet.packetId }),
    ...(shape.hasProperties ? { properties: { contentType: 'application/json', userProperties: { line: '3' } } } : {}),
  }))
  const options = { protocolVersion: shape.version }
  return timed(count, (index) => mqttPacket.generate(packetAt(packets, index), options).length)
}

function timed(count: number, work: (index: number) => number): Run {
  let checksum = 0
  const start = process.hrtime.bigint()
  for (let index = 0; index < count; index += 1) checksum += work(index)
  return { perSecond: (count * 1e9) / Number(process.hrtime.bigint() - start), checksum }
}

function sizeOf(packet: Packet | undefined): number {
  return packet?.type === 'publish' ? packet.topic.length + packet.payload.length : 0
}

function chunkOf(shape: Shape): Buffer {
  return Buffer.concat(packetsOf(shape).map((packet) => encodePacket(packet, shape.version)))
}

function packetsOf({ qos, hasProperties }: Shape): readonly Publish[] {
  const properties = hasProperties
    ? { contentType: 'application/json', userProperties: [['line', '3']] as const }
    : NO_PROPERTIES
  return Array.from({ length: CHUNK_PACKETS }, (_, index) => ({
    type: 'publish',
    topic: `sensor/press-${10 + (index % 50)}/temperatur`,
    payload: PAYLOAD,
    qos,
    retain: false,
    dup: false,
    packetId: qos === 0 ? undefined : index + 1,
    properties,
  }))
}

function packetAt<Item>(packets: readonly Item[], index: number): Item {
  const packet = packets[index % CHUNK_PACKETS]
  if (packet === undefined) throw new RangeError('no packet')
  return packet
}

const SHAPES: readonly Shape[] = [
  { name: '3.1.1, QoS 0', version: 4, qos: 0, hasProperties: false },
  { name: '3.1.1, QoS 1', version: 4, qos: 1, hasProperties: false },
  { name: '5.0, QoS 1, two properties', version: 5, qos: 1, hasProperties: true },
]
const CHUNK_PACKETS = 500
const PAYLOAD = new Uint8Array(64).fill(0x78)

if (import.meta.main) {
  for (const { what, ours, theirs } of measureCodec({ packets: 1_000_000, rounds: 3 })) {
    const million = (rate: number): string => (rate / 1e6).toFixed(2).padStart(6)
    const ratio = (ours / theirs).toFixed(1)
    console.log(`${what.padEnd(34)} ${million(ours)} M/s  mqtt-packet ${million(theirs)} M/s  ratio ${ratio}`)
  }
}
