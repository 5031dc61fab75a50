import type { Bus, Receiver } from '@birthmark/cloud/bus'
import { AWS_PROFILE, parseTopicFilter } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import { decodeUtf8, type Instant, instant } from '@birthmark/foundation/kernel'

/** What is known of one client. */
export interface ClientConnectivity {
  readonly connected: boolean
  readonly at: Instant
  readonly disconnectReason: string | undefined
}

/**
 * Remembers of each client whether it is connected, from the lifecycle events that the front publishes; since the start
 * of this process, and for the {@link CLIENTS_MAX} clients that were seen last.
 */
export class ConnectivityBook {
  readonly #clients = new Map<string, ClientConnectivity>()
  readonly #connected = new Set<string>()

  /** Clients that are connected. */
  get connections(): number {
    return this.#connected.size
  }

  /** Follows what happens in one account and region. */
  follow(scope: Scope, bus: Bus): void {
    const receiver: Receiver = {
      connectionId: undefined,
      deliver: ({ message }) => this.#note(scope, message.topic, decodeUtf8(message.payload)),
    }
    bus.subscribe(parseTopicFilter(`${PREFIX}#`, AWS_PROFILE), receiver, GRANT)
  }

  of(scope: Scope, clientId: string): ClientConnectivity | undefined {
    return this.#clients.get(keyOf(scope, clientId))
  }

  #note(scope: Scope, topic: string, text: string | undefined): void {
    const [what = '', ...rest] = topic.slice(PREFIX.length).split('/')
    if (what !== 'connected' && what !== 'disconnected') return
    const payload: unknown = JSON.parse(text ?? '{}')
    const members = new Map(typeof payload === 'object' && payload !== null ? Object.entries(payload) : [])
    const key = keyOf(scope, rest.join('/'))
    const reason: unknown = members.get('disconnectReason')
    if (what === 'connected') this.#connected.add(key)
    else this.#connected.delete(key)
    this.#clients.delete(key)
    this.#clients.set(key, {
      connected: what === 'connected',
      at: instant(Number(members.get('timestamp') ?? 0)),
      disconnectReason: typeof reason === 'string' ? reason : undefined,
    })
    if (this.#clients.size > CLIENTS_MAX) this.#forgetOldest()
  }

  #forgetOldest(): void {
    for (const oldest of this.#clients.keys()) {
      this.#clients.delete(oldest)
      return
    }
  }
}

function keyOf({ account, region }: Scope, clientId: string): string {
  return `${account}/${region}/${clientId}`
}

const PREFIX = '$aws/events/presence/'
const GRANT = { qos: 0, noLocal: false } as const
/** Clients that are remembered: some 200 MB. At the limit: the one that was heard of longest ago is forgotten. */
const CLIENTS_MAX = 1_000_000
