import type { Instant } from '@birthmark/foundation/kernel'

/** A key that signs control-plane requests with SigV4. */
export interface AccessKeyRecord {
  readonly id: string
  /** Kept in the clear because SigV4 needs it to verify; the database is readable by its owner only. */
  readonly secret: string
  readonly name: string
  readonly createdAt: Instant
  /** The ready role that it was made with, or `custom`. */
  readonly role: string
  /** What it may do: a document of the policy language. */
  readonly permissions: string
  /** Of a temporary key: the token that goes with each request, and its end. */
  readonly session: { readonly token: string; readonly expiresAt: Instant } | undefined
}

/** One change, or an attempt to make one, as the audit log keeps it. It holds no parameter but names: no secret. */
export interface AuditEntry {
  readonly at: Instant
  readonly region: string
  /** The key that signed; `offline` for a command on a data directory that no server has open. */
  readonly accessKeyId: string
  /** The name of the key when it signed. */
  readonly keyName: string
  /** For example `iot:CreateThing`. */
  readonly action: string
  /** ARNs of what it is about, or `*`. */
  readonly resources: readonly string[]
  /** The address that the request came from; `undefined` without a network. */
  readonly sourceIp: string | undefined
  readonly userAgent: string | undefined
  readonly requestId: string
  /** `done`; `denied` by permissions; `refused` for what it asked; `failed` here. */
  readonly outcome: 'done' | 'denied' | 'refused' | 'failed'
  /** The name of the exception that was answered. */
  readonly code: string | undefined
}

/** An {@link AuditEntry} at its place in the log of its account. */
export interface AuditRecord extends AuditEntry {
  /** Counts the entries of the account, from 1, without gaps. */
  readonly sequence: number
}

/** Which part of an audit log is wanted; every member that is there must fit. */
export interface AuditFilter {
  /** 1 to 1000. */
  readonly limit: number
  /** Only entries with a lower number. */
  readonly before?: number
  readonly accessKeyId?: string
  readonly action?: string
  readonly outcome?: AuditEntry['outcome']
}
