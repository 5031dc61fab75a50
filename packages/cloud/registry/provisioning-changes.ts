import type {
  AllowList,
  CertificateOffer,
  DocumentKind,
  ProvisioningClaim,
  StoredDocument,
} from './provisioning-records.ts'
import type { CertificateId } from './records.ts'

/** The changes that provisioning makes beside those of things and certificates. */
export type ProvisioningChange =
  /** `absent` when the certificate is not registered; `exists` when it is offered already. */
  | { readonly do: 'offer-certificate'; readonly offer: CertificateOffer }
  /** `absent` when there is no such offer; `state` when it was used for something else. */
  | { readonly do: 'use-offer'; readonly certificateId: CertificateId; readonly usedFor: string }
  /**
   * Removes an offer, and its certificate too when that is still PENDING_ACTIVATION and has neither policy nor thing.
   * Nothing happens when it is absent.
   */
  | { readonly do: 'end-offer'; readonly certificateId: CertificateId }
  /** `absent` when the certificate is not registered; `exists`. */
  | { readonly do: 'create-claim'; readonly claim: ProvisioningClaim }
  /** Removes a claim and its certificate. Nothing happens when it is absent. */
  | { readonly do: 'end-claim'; readonly certificateId: CertificateId }
  /** `exists`. */
  | { readonly do: 'create-allow-list'; readonly list: AllowList }
  /** Its values go with it. `absent`. */
  | { readonly do: 'delete-allow-list'; readonly name: string }
  /** Adds values; one that was used may be used again. `absent` when there is no such list. */
  | { readonly do: 'allow-values'; readonly list: string; readonly values: readonly string[] }
  /** `absent` when the list does not have the value. */
  | { readonly do: 'disallow-value'; readonly list: string; readonly value: string }
  /** `absent` when the list does not have the value; `state` when another certificate has used it, and `once`. */
  | {
      readonly do: 'use-allowed-value'
      readonly list: string
      readonly value: string
      readonly certificateId: CertificateId
    }
  /** `exists`; `taken` when one of its kind has its `uniqueKey`, in any scope; `limit` when `max` of its kind exist. */
  | { readonly do: 'create-document'; readonly document: StoredDocument; readonly max?: number }
  /** `absent`; `version` when it is not what `from` says. */
  | {
      readonly do: 'replace-document'
      readonly kind: DocumentKind
      readonly name: string
      readonly body: string
      readonly from?: string
    }
  /** `absent`. */
  | { readonly do: 'delete-document'; readonly kind: DocumentKind; readonly name: string }
