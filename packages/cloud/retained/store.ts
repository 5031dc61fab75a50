import type { Message } from '@birthmark/cloud/mqtt'
import type { Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'

/** What a list tells of a retained message. */
export interface RetainedSummary {
  readonly topic: string
  readonly payloadBytes: number
  readonly qos: 0 | 1 | 2
  /** When its PUBLISH came. */
  readonly receivedAt: Instant
}

/** A change of what is retained for one topic. */
export type RetainedChange =
  /** Keeps a message in place of the one before. Its payload must not change any more. */
  | { readonly do: 'put'; readonly scope: Scope; readonly message: Message; readonly expiresAt: Instant | undefined }
  | { readonly do: 'delete'; readonly scope: Scope; readonly topic: string }

/** Where retained messages are kept. Changes take effect in the order in which they are written. */
export interface RetainedStore {
  /**
   * Makes a change. What is written in one turn of the event loop becomes durable together, with one promise.
   *
   * @returns resolves when it is on disk; the caller need not look
   * @throws (rejects) `DISK_FULL`, `FILE_UNUSABLE` and the like; nothing of the turn was written
   */
  write(change: RetainedChange): Promise<void>
  /** Gives the message of a topic, expired or not; what was written before is seen. */
  read(scope: Scope, topic: string): { readonly message: Message; readonly expiresAt: Instant | undefined } | undefined
  /**
   * Gives what has not expired, ordered by the topics' UTF-8.
   *
   * @param page.prefix What topics begin with.
   * @param page.after The topic before the first one, empty for the beginning.
   */
  list(
    scope: Scope,
    page: { readonly prefix: string; readonly after: string; readonly limit: number; readonly now: Instant },
  ): readonly RetainedSummary[]
  /** Gives how many messages a scope has, expired ones included. */
  count(scope: Scope): number
  /** Forgets what has expired. */
  dropExpired(now: Instant): void
  /** Makes what was written durable and takes nothing more. */
  close(): void
}
