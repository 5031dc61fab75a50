import type { CertificateId, CertificateStatus, Change } from '@birthmark/cloud/registry'
import type { AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import { STATUS_CAUSES } from './status-causes.ts'

/** What became of a certificate that may no longer connect. */
export interface Revocation {
  readonly certificateId: CertificateId
  readonly status: Exclude<CertificateStatus, 'ACTIVE'> | 'deleted'
}

/** Says why a connection ends whose certificate may no longer connect. */
export function revocationCause({ certificateId, status }: Revocation): AttemptCause {
  if (status === 'deleted') return attemptCause('CERTIFICATE_NOT_REGISTERED', { certificateId, why: 'it was deleted' })
  return attemptCause(STATUS_CAUSES[status], { certificateId, why: 'it was ACTIVE when this connection began' })
}

/** A connection as the registry's changes concern it, from its CONNECT until it ends. */
export interface LiveConnection {
  /** Absent on the listener without TLS. */
  readonly certificateId: CertificateId | undefined
  /** The access key that signed it, if one did. */
  readonly accessKeyId?: string | undefined
  readonly clientId: string
  /** Another thing than the one of its client id, when the certificate is attached to it exclusively. */
  readonly thingName: string | undefined
  /** What its policies came from; absent before they were loaded. */
  readonly bound: { readonly policyNames: readonly string[]; readonly groupNames: readonly string[] } | undefined
  /** Ends it: its certificate may no longer connect. */
  endRevoked(revocation: Revocation): void
  /** Ends it: another connection has come with its client id. */
  endTakenOver(): void
  /** Ends it because an operator wants it to end. */
  endByOrder(choice: { readonly withoutWill: boolean }): void
  /** Lets it decide nothing more until {@link rebind} has resolved and {@link release} is called. */
  hold(): void
  /** Loads its policies anew. Must not reject. */
  rebind(): Promise<void>
  release(): void
}

/** The live connections of this process, found by what a registry change names. */
export class LiveConnections {
  readonly #all = new Set<LiveConnection>()
  readonly #byCertificate = new Groups<LiveConnection>()
  /** By client id, and by thing name where that is another. */
  readonly #byName = new Groups<LiveConnection>()
  /** Connections whose policies must be loaded anew; they are held. */
  readonly #stale = new Set<LiveConnection>()
  #isRebinding = false

  get all(): ReadonlySet<LiveConnection> {
    return this.#all
  }

  /** Enters a connection before anything about it is read from the registry, so that no change is missed. */
  add(connection: LiveConnection): void {
    this.#all.add(connection)
    this.#byName.add(connection.clientId, connection)
    if (connection.thingName !== undefined) this.#byName.add(connection.thingName, connection)
    if (connection.certificateId !== undefined) this.#byCertificate.add(connection.certificateId, connection)
  }

  /** Says that another thing is now the one that a connection's policies speak about. */
  renameThing(connection: LiveConnection, thingName: string | undefined): void {
    if (connection.thingName === thingName) return
    if (connection.thingName !== undefined) this.#byName.delete(connection.thingName, connection)
    this.#byName.add(connection.clientId, connection)
    if (thingName !== undefined) this.#byName.add(thingName, connection)
  }

  remove(connection: LiveConnection): void {
    this.#all.delete(connection)
    this.#stale.delete(connection)
    this.#byName.delete(connection.clientId, connection)
    if (connection.thingName !== undefined) this.#byName.delete(connection.thingName, connection)
    if (connection.certificateId !== undefined) this.#byCertificate.delete(connection.certificateId, connection)
  }

  /** Ends the other connections with this one's client id (MQTT 5.0 §3.1.4 [MQTT-3.1.4-3]). */
  takeOver(connection: Pick<LiveConnection, 'clientId'>): void {
    for (const other of this.#byName.of(connection.clientId)) {
      if (other !== connection && other.clientId === connection.clientId) other.endTakenOver()
    }
  }

  /** Ends the connection of a client; gives false when it has none. */
  endByOrder(clientId: string, choice: { readonly withoutWill: boolean }): boolean {
    const found = this.#byName.of(clientId).filter((connection) => connection.clientId === clientId)
    for (const connection of found) connection.endByOrder(choice)
    return found.length > 0
  }

  /** Gives some connections with a certificate, those in their admission among them; that of a client id for sure. */
  withCertificate(certificateId: CertificateId, clientId: string, countMax: number): readonly LiveConnection[] {
    const named = this.#byName.of(clientId).filter((one) => one.clientId === clientId)
    const own = named.filter((one) => one.certificateId === certificateId)
    return [...new Set([...own, ...this.#byCertificate.some(certificateId, countMax)])]
  }

  /** Acts on changes that were committed, before anybody else learns of them. */
  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#applyOne(change)
  }

  /** Holds a connection, and loads its policies when its turn comes. */
  refresh(connection: LiveConnection): void {
    connection.hold()
    this.#stale.add(connection)
    if (this.#isRebinding) return
    this.#isRebinding = true
    void this.#rebindStale()
  }

  /** Loads anew what an access key may do: it was revoked. */
  refreshKey(id: string): void {
    this.#refreshAll([...this.#all].filter(({ accessKeyId }) => accessKeyId === id))
  }

  #applyOne(change: Change): void {
    if (isQuiet(change)) return
    switch (change.do) {
      case 'set-certificate-status':
        return change.to === 'ACTIVE' ? undefined : this.#revoke(change.id, change.to)
      case 'delete-certificate':
      case 'remove-transferred':
        return this.#revoke(change.id, 'deleted')
      case 'send-certificate':
        return this.#revoke(change.id, 'PENDING_TRANSFER')
      case 'end-claim':
        return this.#revoke(change.certificateId, 'deleted')
      case 'attach-policy':
      case 'detach-policy':
      case 'attach-thing-principal':
      case 'detach-thing-principal':
        return this.#refreshAll(this.#byCertificate.of(change.certificateId))
      case 'create-thing':
      case 'delete-thing':
        return this.#refreshAll(this.#byName.of(change.do === 'create-thing' ? change.thing.name : change.name))
      case 'update-thing':
        return this.#refreshAll(this.#byName.of(change.name))
      case 'create-policy':
      case 'delete-policy': {
        // Nobody has it attached; only that of the listener without TLS is in force by its name.
        const name = change.do === 'create-policy' ? change.policy.name : change.name
        return this.#refreshAll(this.#whose(({ policyNames }) => policyNames.includes(name)))
      }
      case 'create-policy-version':
      case 'set-default-policy-version':
        return this.#refreshAll(this.#whose(({ policyNames }) => policyNames.includes(change.policyName)))
      case 'add-to-thing-group':
      case 'remove-from-thing-group':
        return this.#refreshAll(this.#byName.of(change.thingName))
      case 'attach-group-policy':
      case 'detach-group-policy':
        return this.#refreshAll(this.#whose(({ groupNames }) => groupNames.includes(change.groupName)))
      case 'delete-thing-group':
        return this.#refreshAll(this.#whose(({ groupNames }) => groupNames.includes(change.name)))
    }
  }

  #whose(fits: (bound: NonNullable<LiveConnection['bound']>) => boolean): readonly LiveConnection[] {
    return [...this.#all].filter(({ bound }) => bound !== undefined && fits(bound))
  }

  #revoke(certificateId: CertificateId, status: Revocation['status']): void {
    for (const connection of this.#byCertificate.of(certificateId)) connection.endRevoked({ certificateId, status })
  }

  #refreshAll(connections: readonly LiveConnection[]): void {
    for (const connection of connections) this.refresh(connection)
  }

  /** One at a time, with the event loop's other work in between: a policy may be that of every device there is. */
  async #rebindStale(): Promise<void> {
    let inThisTurn = 0
    for (let next = this.#nextStale(); next !== undefined; next = this.#nextStale()) {
      this.#stale.delete(next)
      await next.rebind()
      // A change that came while it was loading has put it back.
      if (!this.#stale.has(next)) next.release()
      inThisTurn++
      if (inThisTurn % REBINDS_PER_TURN_MAX === 0) await new Promise((resolve) => void setImmediate(resolve))
    }
    this.#isRebinding = false
  }

  #nextStale(): LiveConnection | undefined {
    for (const connection of this.#stale) return connection
    return undefined
  }
}

/** Several values per key; mostly it is one, and then it has no set of its own. */
class Groups<Value extends object> {
  readonly #groups = new Map<string, Value | Set<Value>>()

  /** Gives the values of a key, as they are now. */
  of(key: string): readonly Value[] {
    const group = this.#groups.get(key)
    if (group === undefined) return []
    return group instanceof Set ? [...group] : [group]
  }

  /** Gives some values of a key, without looking at all of them. */
  some(key: string, countMax: number): readonly Value[] {
    const group = this.#groups.get(key)
    if (!(group instanceof Set)) return group === undefined ? [] : [group]
    const found: Value[] = []
    for (const value of group) {
      if (found.push(value) >= countMax) break
    }
    return found
  }

  add(key: string, value: Value): void {
    const group = this.#groups.get(key)
    if (group === undefined) this.#groups.set(key, value)
    else if (group instanceof Set) group.add(value)
    else if (group !== value) this.#groups.set(key, new Set([group, value]))
  }

  delete(key: string, value: Value): void {
    const group = this.#groups.get(key)
    if (group instanceof Set) {
      group.delete(value)
      if (group.size === 0) this.#groups.delete(key)
    } else if (group === value) this.#groups.delete(key)
  }
}

/** Connections whose policies are loaded anew in one turn of the event loop: about 10 ms of work. */
const REBINDS_PER_TURN_MAX = 64

/** Tells whether a change concerns no connection that is there: one that must be acted on has a case above. */
function isQuiet(change: Change): change is Extract<Change, { readonly do: (typeof QUIET)[number] }> {
  return QUIET_NAMES.has(change.do)
}

/** What nobody is attached to yet or any more, and what only concerns connections to come. */
const QUIET = [
  'delete-policy-version',
  'register-certificate',
  'register-ca',
  'update-ca',
  'delete-ca',
  'create-template',
  'delete-template',
  'update-template',
  'create-template-version',
  'delete-template-version',
  'receive-certificate',
  'accept-certificate',
  'return-certificate',
  'set-registration-code',
  'open-scope',
  'create-access-key',
  'revoke-access-key',
  'record-audit',
  'offer-certificate',
  'use-offer',
  'end-offer',
  'create-claim',
  'create-allow-list',
  'delete-allow-list',
  'allow-values',
  'disallow-value',
  'use-allowed-value',
  'create-document',
  'replace-document',
  'delete-document',
  'create-thing-type',
  'update-thing-type',
  'deprecate-thing-type',
  'delete-thing-type',
  'create-thing-group',
  'update-thing-group',
  'create-billing-group',
  'update-billing-group',
  'delete-billing-group',
  'set-billing-group',
  'tag',
  'untag',
] as const
const QUIET_NAMES: ReadonlySet<string> = new Set(QUIET)
