import type { CertificateId, Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import type { LiveConnection, LiveConnections } from './live-connections.ts'

/** A client with a certificate that was let in, and who else has connected with that certificate. */
export interface OpenedSession {
  readonly scope: Scope
  readonly at: Instant
  readonly certificateId: CertificateId
  readonly clientId: string
  readonly remoteAddress: string
  /** Things that the certificate is attached to. */
  readonly things: number
  /** One with the same client id is about to end. */
  readonly others: readonly { readonly clientId: string; readonly remoteAddress: string }[]
}

/** Hears of each session that begins with a certificate; gives what its attempt is to say of it. */
export type WatchSessions = (opened: OpenedSession) => string | undefined | Promise<string | undefined>

/** Tells who watches sessions begin, which connections have the same certificate. */
export class SessionWatch {
  readonly #live: LiveConnections
  readonly #scope: Scope
  readonly #watch: WatchSessions
  readonly #addresses = new WeakMap<LiveConnection, string>()

  constructor(live: LiveConnections, scope: Scope, watch: WatchSessions) {
    this.#live = live
    this.#scope = scope
    this.#watch = watch
  }

  /** A client is let in; those that it replaces are still there. */
  opens(opened: Omit<OpenedSession, 'scope' | 'others'>): ReturnType<WatchSessions> {
    const { certificateId, clientId } = opened
    const found = this.#live.withCertificate(certificateId, clientId, OTHERS_COUNT_MAX)
    const others = found.flatMap((connection) => {
      const remoteAddress = this.#addresses.get(connection)
      return remoteAddress === undefined ? [] : [{ clientId: connection.clientId, remoteAddress }]
    })
    return this.#watch({ ...opened, scope: this.#scope, others })
  }

  /** Remembers where a session came from, as long as it lives. */
  remember(session: LiveConnection, remoteAddress: string): void {
    this.#addresses.set(session, remoteAddress)
  }
}

/** Connections of one certificate that are named: a tool may have thousands with one. */
const OTHERS_COUNT_MAX = 32
