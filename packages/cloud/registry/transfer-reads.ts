import type { Page, PageRequest } from './pages.ts'
import type { CertificateId, CertificateTransfer } from './records.ts'

/** What is known of certificates that move between accounts. */
export interface TransferReads {
  /** Gives the last transfer of a certificate that this account has, as this account sees it. */
  of(id: CertificateId): Promise<CertificateTransfer | undefined>
  /** Gives the certificates that this account has offered to others, and that wait. */
  outgoing(page: PageRequest): Promise<Page<CertificateTransfer>>
}
