import type { IssuedCertificate, WorkOrder } from '@birthmark/factory/order'

/** What the desk asks the authority behind it. */
export interface DeskAuthority {
  readonly issuers: Omit<IssuedCertificate, 'certificate'>
  admitSigned(text: string, station?: string): Promise<WorkOrder>
  issue(request: {
    readonly kind: 'order-device'
    readonly csr: Uint8Array
    readonly order: string
    readonly uid: string
  }): Promise<IssuedCertificate>
  /** Devices that may still be issued under an order; 0 for one that was not admitted. */
  left(order: string): number
  /** Whether this device of the order was asked for before. */
  knows(order: string, uid: string): Promise<boolean>
}
