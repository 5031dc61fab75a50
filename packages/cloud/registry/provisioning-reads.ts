import type { Instant } from '@birthmark/foundation/kernel'
import type {
  AllowedValue,
  AllowList,
  CertificateOffer,
  DocumentKind,
  OfferedCertificate,
  ProvisioningClaim,
  StoredDocument,
} from './provisioning-records.ts'
import type { CertificateId } from './records.ts'

/** What provisioning keeps in one account and region. */
export interface ProvisioningReads {
  /** Gives the offer whose token has this hash, and its certificate. */
  offer(tokenHash: string): Promise<OfferedCertificate | undefined>
  /** Gives offers that have expired, oldest first, at most `limit`. */
  expiredOffers(now: Instant, limit: number): Promise<readonly CertificateOffer[]>
  claim(certificateId: CertificateId): Promise<ProvisioningClaim | undefined>
  /** Gives claims that have expired, oldest first, at most `limit`. */
  expiredClaims(now: Instant, limit: number): Promise<readonly ProvisioningClaim[]>
  allowLists(): Promise<readonly AllowList[]>
  allowListsOf(templateName: string): Promise<readonly AllowList[]>
  allowedValue(list: string, value: string): Promise<AllowedValue | undefined>
  /** Counts the values of a list, and those of them that were used. */
  countAllowed(list: string): Promise<{ readonly values: number; readonly used: number }>
  document(kind: DocumentKind, name: string): Promise<StoredDocument | undefined>
  /** Gives every document of a kind, by name. */
  documents(kind: DocumentKind): Promise<readonly StoredDocument[]>
}
