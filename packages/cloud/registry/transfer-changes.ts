import type { Instant } from '@birthmark/foundation/kernel'
import type { CertificateId, CertificateRecord } from './records.ts'

/**
 * What a transfer of a certificate between two accounts changes. Each transfer has a change in the one and one in the
 * other account, made together ({@link ScopedRegistry.commitWith}).
 */
export type TransferChange =
  /**
   * The owner offers it: PENDING_TRANSFER. `absent`; `state` while ACTIVE, or when it is offered already; `attached`
   * while it has policies or things.
   */
  | {
      readonly do: 'send-certificate'
      readonly id: CertificateId
      readonly toAccount: string
      readonly message: string | undefined
      readonly at: Instant
    }
  /** The other account sees it, PENDING_TRANSFER. `exists`. */
  | {
      readonly do: 'receive-certificate'
      readonly certificate: CertificateRecord
      readonly fromAccount: string
      readonly message: string | undefined
      readonly at: Instant
    }
  /** The other account takes it. `absent`; `state` when it is not offered to it. */
  | { readonly do: 'accept-certificate'; readonly id: CertificateId; readonly active: boolean; readonly at: Instant }
  /** The owner has it back, INACTIVE. `absent`; `state` when it is not offered. */
  | {
      readonly do: 'return-certificate'
      readonly id: CertificateId
      /** Absent when the owner cancels; a text, maybe empty, when the other account rejects. */
      readonly rejectReason: string | undefined
      readonly at: Instant
    }
  /** Removes it where it no longer belongs, with all that hangs on it. `absent`; `state` unless PENDING_TRANSFER. */
  | { readonly do: 'remove-transferred'; readonly id: CertificateId }
