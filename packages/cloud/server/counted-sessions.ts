import type { RestoredSession, SessionChange, SessionStore } from '@birthmark/cloud/sessions'

/** How much a session store keeps. */
export interface SessionCounts {
  readonly sessions: number
  /** Messages that wait for clients, and places of those that clients have not released. */
  readonly messages: number
}

/** A session store that knows how much it keeps without looking: a look would cost as much as there is. */
export class CountedSessions implements SessionStore {
  readonly #store: SessionStore
  readonly #messages = new Map<number, number>()
  /** By account, region and client id: whose session a new one takes the place of. */
  readonly #owners = new Map<string, number>()
  #total = 0

  constructor(store: SessionStore) {
    this.#store = store
    for (const { record, messages } of store.restore()) {
      this.#owners.set(ownerOf(record), record.id)
      this.#set(record.id, messages.count)
    }
  }

  get counts(): SessionCounts {
    return { sessions: this.#messages.size, messages: this.#total }
  }

  restore(): readonly RestoredSession[] {
    return this.#store.restore()
  }

  newId(): number {
    return this.#store.newId()
  }

  write(change: SessionChange): Promise<void> {
    this.#count(change)
    return this.#store.write(change)
  }

  read(...asked: Parameters<SessionStore['read']>): ReturnType<SessionStore['read']> {
    return this.#store.read(...asked)
  }

  dropExpired(...asked: Parameters<SessionStore['dropExpired']>): ReturnType<SessionStore['dropExpired']> {
    const left = this.#store.dropExpired(...asked)
    if (left !== undefined) this.#set(asked[0], left.count)
    return left
  }

  close(): void {
    this.#store.close()
  }

  #count(change: SessionChange): void {
    if (change.do === 'begin') {
      const owner = ownerOf(change.session)
      this.#forget(this.#owners.get(owner))
      this.#owners.set(owner, change.session.id)
      this.#set(change.session.id, 0)
    } else if (change.do === 'end') this.#forget(change.id)
    else if (change.do === 'keep') this.#set(change.id, (this.#messages.get(change.id) ?? 0) + 1)
    else if (change.do === 'settle') this.#set(change.id, Math.max(0, (this.#messages.get(change.id) ?? 0) - 1))
  }

  #set(id: number, count: number): void {
    this.#total += count - (this.#messages.get(id) ?? 0)
    this.#messages.set(id, count)
  }

  #forget(id: number | undefined): void {
    if (id === undefined) return
    this.#total -= this.#messages.get(id) ?? 0
    this.#messages.delete(id)
  }
}

function ownerOf({ scope, clientId }: RestoredSession['record']): string {
  return `${scope.account}/${scope.region}/${clientId}`
}
