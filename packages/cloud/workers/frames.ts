import { DefaultDeserializer, DefaultSerializer } from 'node:v8'

/** Puts values into a frame: the length of the rest (4 bytes), how many values there are (4 bytes), the values. */
export class FrameWriter {
  #serializer: DefaultSerializer | undefined
  #count = 0

  /** Adds a copy of a value. @throws what V8 cannot serialise: functions, for example */
  add(value: unknown): void {
    if (this.#serializer === undefined) {
      this.#serializer = new DefaultSerializer()
      this.#serializer.writeHeader()
    }
    this.#serializer.writeValue(value)
    this.#count++
  }

  /** Gives the frame of what was added since the last one; `undefined` without any. */
  take(): Uint8Array | undefined {
    const body = this.#serializer?.releaseBuffer()
    if (body === undefined) return undefined
    const frame = Buffer.allocUnsafe(HEAD_BYTES + body.length)
    frame.writeUInt32BE(COUNT_BYTES + body.length, 0)
    frame.writeUInt32BE(this.#count, LENGTH_BYTES)
    body.copy(frame, HEAD_BYTES)
    this.#serializer = undefined
    this.#count = 0
    return frame
  }
}

/** Gives the values of a frame without its length. Bytes in them are views of it. */
export function* deserializeFrame<Value>(frame: Uint8Array): Generator<Value> {
  const count = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  const deserializer = new DefaultDeserializer(frame.subarray(COUNT_BYTES))
  deserializer.readHeader()
  // Only this program writes frames; a value has the type it had when it was added.
  for (let read = 0; read < count; read++) yield deserializer.readValue() as Value
}

/** Puts the chunks of a stream together to frames. */
export class FrameReader {
  readonly #onFrame: (frame: Uint8Array) => void
  #chunks: Uint8Array[] = []
  #bytes = 0
  /** Bytes that must be there before there is something to do. */
  #wanted = LENGTH_BYTES

  constructor(onFrame: (frame: Uint8Array) => void) {
    this.#onFrame = onFrame
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    if (this.#bytes < this.#wanted) return
    let all = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks)
    for (;;) {
      if (all.length < LENGTH_BYTES) break
      const length = new DataView(all.buffer, all.byteOffset).getUint32(0)
      if (all.length < LENGTH_BYTES + length) break
      const frame = all.subarray(LENGTH_BYTES, LENGTH_BYTES + length)
      all = all.subarray(LENGTH_BYTES + length)
      this.#onFrame(frame)
    }
    const length = all.length < LENGTH_BYTES ? 0 : new DataView(all.buffer, all.byteOffset).getUint32(0)
    this.#wanted = LENGTH_BYTES + length
    this.#chunks = all.length === 0 ? [] : [all]
    this.#bytes = all.length
  }
}

const LENGTH_BYTES = 4
const COUNT_BYTES = 4
const HEAD_BYTES: number = LENGTH_BYTES + COUNT_BYTES
