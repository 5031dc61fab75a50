import { type Instant, type Millis, seconds } from '@birthmark/foundation/kernel'

/**
 * Numbers the connections of each client id, so that receivers can put events in order: 0 for the first, one more for
 * each that follows, from 0 again once the client was away for {@link PRESENCE_FORGOTTEN} (AWS IoT Core developer
 * guide, Lifecycle events, versionNumber).
 */
export class PresenceVersions {
  readonly #clientsMax: number
  /** In the order in which they were last seen. */
  readonly #clients = new Map<string, { version: number; connections: number; leftAt: Instant }>()

  constructor(clientsMax: number = PRESENCE_CLIENTS_MAX) {
    this.#clientsMax = clientsMax
  }

  /** Gives the number of a connection that begins. */
  connected(clientId: string, now: Instant): number {
    const known = this.#clients.get(clientId)
    const isFresh = known === undefined || (known.connections === 0 && now - known.leftAt >= PRESENCE_FORGOTTEN)
    const entry = {
      version: isFresh ? 0 : known.version + 1,
      connections: (known?.connections ?? 0) + 1,
      leftAt: now,
    }
    this.#put(clientId, entry)
    return entry.version
  }

  /** A connection has ended. */
  disconnected(clientId: string, now: Instant): void {
    const known = this.#clients.get(clientId)
    if (known === undefined) return
    this.#put(clientId, { ...known, connections: Math.max(0, known.connections - 1), leftAt: now })
  }

  #put(clientId: string, entry: { version: number; connections: number; leftAt: Instant }): void {
    this.#clients.delete(clientId)
    this.#clients.set(clientId, entry)
    for (const [oldest] of this.#clients) {
      if (this.#clients.size <= this.#clientsMax) break
      this.#clients.delete(oldest)
    }
  }
}

/** After this long without a connection a client begins at 0 again (about an hour at AWS IoT). */
const PRESENCE_FORGOTTEN: Millis = seconds(3600)
/** Client ids that are remembered, about 150 bytes each. At the limit: the one seen longest ago begins at 0 again. */
const PRESENCE_CLIENTS_MAX = 100_000
