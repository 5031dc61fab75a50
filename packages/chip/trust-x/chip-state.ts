import { type Instant, type Millis, millis } from '@birthmark/foundation/kernel'
import { isGranted, LIFECYCLE } from './access.ts'
import type { ChipChoices } from './choices.ts'
import type { ChipCrypto } from './crypto.ts'
import type { Curve } from './curves.ts'
import { type ChipMemory, objectIn, withObject } from './memory.ts'
import { OID, type StoredObject } from './objects.ts'
import { SecurityMonitor } from './security-monitor.ts'
import type { Sha256State } from './sha256.ts'

/** A private key, wherever it lives. */
export interface PrivateKey {
  readonly curve: Curve
  readonly scalar: Uint8Array
  readonly usage: number
}

/** What a session context holds between commands. */
export type SessionContext =
  | { readonly kind: 'key'; readonly key: PrivateKey }
  | { readonly kind: 'secret'; readonly secret: Uint8Array }

/** How far the one-way authentication has come. */
export interface Authentication {
  readonly keyOid: number
  readonly challenge: Uint8Array | undefined
}

/** A chip at work: its memory and everything that it forgets without power. Commands read and change it. */
export class ChipState {
  memory: ChipMemory
  readonly crypto: ChipCrypto
  readonly choices: ChipChoices
  /** The moment of the command under way. */
  now: Instant
  isOpen = false
  lastError = 0
  hash: Sha256State | undefined
  authentication: Authentication | undefined
  readonly sessions: Map<number, SessionContext> = new Map()
  /** What the command under way has to wait for the security monitor. */
  securityDelay: Millis = millis(0)
  /** Length of the numbers of the curve on which the command under way multiplied a point, in bytes. */
  curveBytes: number | undefined
  readonly #monitor: SecurityMonitor

  constructor(memory: ChipMemory, crypto: ChipCrypto, choices: ChipChoices, now: Instant) {
    this.memory = memory
    this.crypto = crypto
    this.choices = choices
    this.now = now
    this.#monitor = new SecurityMonitor(this.#stored(OID.SECURITY_EVENTS), choices.securityCreditMax, now)
  }

  /** LcsG, the lifecycle of the whole chip. */
  get globalLifecycle(): number {
    return this.#stored(OID.GLOBAL_LIFECYCLE)
  }

  /** What object E0C5 reads now. */
  get securityEvents(): number {
    return this.#monitor.count(this.now)
  }

  /** Gives an object; `undefined` when the chip has none of this identifier. */
  object(oid: number): StoredObject | undefined {
    return objectIn(this.memory, oid)
  }

  /** Gives what reading an object tells; some objects are computed. `undefined` when the chip has none of this name. */
  content(oid: number): Uint8Array | undefined {
    switch (oid) {
      case OID.UID:
        return this.memory.uid
      case OID.SECURITY_EVENTS:
        return Uint8Array.of(this.securityEvents)
      case OID.LAST_ERROR:
        return Uint8Array.of(this.lastError)
      default:
        return this.object(oid)?.content
    }
  }

  /** Replaces an object in the memory. */
  store(oid: number, object: StoredObject): void {
    this.memory = withObject(this.memory, oid, object)
  }

  /** Decides an access condition of an object now. */
  allows(object: StoredObject, access: 'change' | 'read' | 'execute'): boolean {
    return isGranted(object[access], {
      global: this.globalLifecycle,
      application: this.#stored(OID.APPLICATION_LIFECYCLE),
      object: object.lifecycle ?? LIFECYCLE.OPERATIONAL,
    })
  }

  /** Forgets what belongs to the running application, as OpenApplication does. */
  startApplication(): void {
    this.isOpen = true
    this.hash = undefined
    this.authentication = undefined
    this.sessions.clear()
  }

  /** Takes note that a stored private key is used. */
  noteKeyUse(): void {
    const events = Array.from({ length: this.choices.securityEventsPerUse }, () => this.#monitor.event(this.now))
    this.securityDelay = events[0] ?? millis(0)
  }

  #stored(oid: number): number {
    return this.object(oid)?.content[0] ?? 0
  }
}
