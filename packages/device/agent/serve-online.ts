import { decodeUtf8, type Millis, millis, seconds } from '@birthmark/foundation/kernel'
import type { DeviceConnection } from './connection.ts'
import type { AgentNotice } from './notice.ts'
import { type AgentParts, fillIn } from './parts.ts'

/** A device online. */
export interface OnlineWork {
  readonly connection: DeviceConnection
  readonly name: string
  /** When its certificate is to be replaced, in milliseconds since 1970. */
  readonly rotateAt: number | undefined
  /** Messages published in this run so far. */
  readonly published: number
  readonly messagesMax: number
  readonly onNotice: (notice: AgentNotice) => void
}

/**
 * Publishes telemetry and takes commands until the connection ends, the certificate is to be replaced, or the run is
 * over. A command `{"do":"rotate"}` has the certificate replaced, where the configuration says how.
 *
 * @throws `PUBLISH_REFUSED`, `SUBSCRIPTION_REFUSED`
 */
export async function serveOnline(
  parts: AgentParts & { readonly signal: AbortSignal },
  work: OnlineWork,
): Promise<'lost' | 'rotate' | 'stopped'> {
  const { configuration, store, signal } = parts
  const { connection, name, onNotice } = work
  const { promise, resolve } = Promise.withResolvers<'lost' | 'rotate' | 'stopped'>()
  const stop = (): void => resolve('stopped')
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  void connection.closed.then(() => resolve('lost'))
  const forget = connection.onMessage((topic, bytes) => {
    const payload = decodeUtf8(bytes.subarray(0, PAYLOAD_BYTES_MAX)) ?? ''
    onNotice({ event: 'command', topic, payload })
    if (configuration.rotation !== undefined && commandIn(payload) === 'rotate') resolve('rotate')
  })
  const beat = new Beat(parts)
  try {
    if (configuration.commands !== undefined) {
      await connection.subscribe(fillIn(configuration.commands.topic, { name, uid: store.uid }))
    }
    const failed = beat.telemetry(work, () => resolve('stopped'))
    beat.rotation(work, () => resolve('rotate'))
    return await Promise.race([promise, failed])
  } finally {
    beat.stop()
    forget()
    signal.removeEventListener('abort', stop)
  }
}

/** What is done again and again while the device is online. */
class Beat {
  readonly #parts: AgentParts
  readonly #cancels = new Set<() => void>()
  #isStopped = false

  constructor(parts: AgentParts) {
    this.#parts = parts
  }

  /** Publishes until stopped; never resolves unless publishing fails. */
  telemetry(work: OnlineWork, done: () => void): Promise<never> {
    const { promise, reject } = Promise.withResolvers<never>()
    const { telemetry } = this.#parts.configuration
    let count = work.published
    const publish = async (): Promise<void> => {
      if (telemetry === undefined || this.#isStopped) return
      if (count >= work.messagesMax) return done()
      const topic = fillIn(telemetry.topic, { name: work.name, uid: this.#parts.store.uid })
      count += 1
      await work.connection.publish(topic, JSON.stringify({ at: this.#parts.clock.now(), count }))
      work.onNotice({ event: 'published', topic, count })
      if (count >= work.messagesMax) return done()
      this.#after(telemetry.period, () => void publish().catch(reject))
    }
    void publish().catch(reject)
    promise.catch(() => undefined)
    return promise
  }

  rotation(work: OnlineWork, due: () => void): void {
    const { rotateAt } = work
    const { clock } = this.#parts
    if (rotateAt === undefined) return
    const look = (): void => {
      if (clock.now() >= rotateAt) due()
      else this.#after(ROTATION_LOOK, look)
    }
    // A rotation that failed is not begun again the moment the device is back.
    this.#after(FIRST_LOOK, look)
  }

  stop(): void {
    this.#isStopped = true
    for (const cancel of this.#cancels) cancel()
  }

  #after(delay: Millis, task: () => void): void {
    if (this.#isStopped) return
    const cancel = this.#parts.timers.after(millis(delay), () => {
      this.#cancels.delete(cancel)
      task()
    })
    this.#cancels.add(cancel)
  }
}

function commandIn(payload: string): unknown {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null && 'do' in value ? value.do : undefined
  } catch {
    // Commands of the application need not be JSON.
    return undefined
  }
}

/** How much of a command is shown. */
const PAYLOAD_BYTES_MAX = 4096
/** How often the end of a certificate's time is looked at: it is known to the day. */
const ROTATION_LOOK: Millis = seconds(3600)
/** A minute after the device came online, so that telemetry goes first. */
const FIRST_LOOK: Millis = seconds(60)
