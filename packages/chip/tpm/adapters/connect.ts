import { type FileHandle, open, stat } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { COMMAND_BYTES_MAX, Tpm, type TpmTransport, tpmFault } from '@birthmark/chip/tpm'
import {
  type Cancel,
  concat,
  type Fault,
  isFault,
  type Millis,
  seconds,
  type Timers,
} from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'

/** How to talk to a TPM; every part has a default. */
export interface TpmOptions {
  /** How long one command may take; default {@link COMMAND_PATIENCE}. */
  readonly patience?: Millis
  readonly timers?: Timers
}

/**
 * Connects to a TPM.
 *
 * @param where A device file (`/dev/tpmrm0`: the kernel shares it between programs), the path of a Unix socket, or a
 *   TCP port on loopback, both of which swtpm serves to one program at a time.
 * @throws `TPM_UNREACHABLE` (operator)
 */
export async function openTpm(where: string | number, options: TpmOptions = {}): Promise<Tpm> {
  const target = String(where)
  try {
    const kind = typeof where === 'string' ? await stat(where) : undefined
    // What is written into a plain file overwrites it.
    if (kind?.isFile() === true) throw tpmFault('TPM_UNREACHABLE', { target, why: 'it is a plain file' })
    if (typeof where === 'string' && kind?.isSocket() === false) {
      return new Tpm(new DeviceFile(await open(where, 'r+')))
    }
    const address = typeof where === 'string' ? { path: where } : { host: LOOPBACK, port: where }
    const socket = connect(address)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Tpm(new TpmSocket(socket, options))
  } catch (error) {
    if (isFault(error)) throw error
    throw tpmFault('TPM_UNREACHABLE', { target, why: systemCode(error) }, error)
  }
}

/** Linux's character device: a command is one write, its answer one read, or several when a driver splits it. */
class DeviceFile implements TpmTransport {
  readonly #file: FileHandle
  #turn: Promise<unknown> = Promise.resolve()

  constructor(file: FileHandle) {
    this.#file = file
  }

  send(command: Uint8Array): Promise<Uint8Array> {
    const answer = this.#turn.then(() => this.#exchange(command))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #exchange(command: Uint8Array): Promise<Uint8Array> {
    try {
      await this.#file.write(command)
      const answer = new Uint8Array(COMMAND_BYTES_MAX)
      for (let length = 0; ; ) {
        const { bytesRead } = await this.#file.read(answer, length)
        length += bytesRead
        const received = answer.subarray(0, length)
        if (bytesRead === 0 || length >= (answerSize(received) ?? COMMAND_BYTES_MAX)) return received
      }
    } catch (error) {
      throw tpmFault('TPM_GONE', { why: systemCode(error) }, error)
    }
  }
}

/** A stream of commands and answers without anything between them, as swtpm has it. */
class TpmSocket implements TpmTransport {
  readonly #socket: Socket
  readonly #patience: Millis
  readonly #timers: Timers
  readonly #waiting: { resolve: (answer: Uint8Array) => void; reject: (fault: Fault) => void }[] = []
  #received: Uint8Array = new Uint8Array(0)
  #cancelPatience: Cancel | undefined
  #failure: Fault | undefined

  constructor(socket: Socket, options: TpmOptions) {
    this.#socket = socket
    this.#patience = options.patience ?? COMMAND_PATIENCE
    this.#timers = options.timers ?? systemTimers
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('error', (error) => this.#fail(tpmFault('TPM_GONE', { why: systemCode(error) }, error)))
    socket.on('close', () => this.#fail(tpmFault('TPM_GONE', { why: 'the other side closed it' })))
  }

  send(command: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#waiting.push({ resolve, reject })
      if (this.#waiting.length === 1) this.#startPatience()
      this.#socket.write(command)
    })
  }

  async close(): Promise<void> {
    this.#fail(tpmFault('TPM_GONE', { why: 'it was closed' }))
    if (!this.#socket.closed) await new Promise<void>((resolve) => void this.#socket.once('close', resolve))
  }

  #receive(chunk: Uint8Array): void {
    this.#received = concat(this.#received, chunk)
    for (let size = answerSize(this.#received); size !== undefined; size = answerSize(this.#received)) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined || size < HEAD_BYTES || size > COMMAND_BYTES_MAX) {
        waiting?.reject(garbled())
        return this.#fail(garbled())
      }
      if (this.#received.length < size) return void this.#waiting.unshift(waiting)
      waiting.resolve(this.#received.slice(0, size))
      this.#received = this.#received.slice(size)
      this.#cancelPatience?.()
      if (this.#waiting.length > 0) this.#startPatience()
    }
  }

  #startPatience(): void {
    this.#cancelPatience = this.#timers.after(this.#patience, () => {
      this.#fail(tpmFault('TPM_SILENT', { seconds: this.#patience / 1000 }))
    })
  }

  /** The first failure is the one that everybody hears. */
  #fail(fault: Fault): void {
    if (this.#failure !== undefined) return
    this.#failure = fault
    this.#cancelPatience?.()
    this.#socket.destroy()
    for (const { reject } of this.#waiting.splice(0)) reject(fault)
  }
}

/** The size that an answer says it has, once its head is there. */
function answerSize(received: Uint8Array): number | undefined {
  if (received.length < HEAD_BYTES) return undefined
  return new DataView(received.buffer, received.byteOffset).getUint32(2)
}

function garbled(): Fault {
  return tpmFault('TPM_STRUCTURE_INVALID', { what: 'answer of a TPM', why: 'its size makes no sense' })
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'it failed'
}

/** A hardware TPM may take most of a minute to make an RSA key; Linux's own limit for that is 5 minutes. */
export const COMMAND_PATIENCE: Millis = seconds(120)

const LOOPBACK = '127.0.0.1'
/** Tag, size and code. */
const HEAD_BYTES = 10
