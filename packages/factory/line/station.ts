import type { IdentitySlots, SecureElement } from '@birthmark/chip'
import type { DeviceStage, Ledger, LedgerDevice } from '@birthmark/factory/ledger'
import type { IssuingAuthority, LockTarget, WorkOrder } from '@birthmark/factory/order'
import type { Clock, Entropy } from '@birthmark/foundation/kernel'

/** Where devices of one order are made. It holds no CA key: it asks. */
export interface Station {
  readonly order: WorkOrder
  readonly authority: IssuingAuthority
  readonly ledger: Ledger
  readonly clock: Clock
  readonly entropy: Entropy
  /** The numbers of the elements in its sockets now; shared by everyone who works at this station. */
  readonly inWork: Set<string>
}

/** An element in a socket that said who it is. */
export interface Bench {
  readonly element: SecureElement
  readonly uid: string
  readonly slots: IdentitySlots
  /** What the ledger knew of it when it was put in. */
  readonly earlier: LedgerDevice | undefined
}

/** Tells whether a device at this stage has come to the end of what its order wants. */
export function isFinished(stage: DeviceStage | undefined, order: { readonly locks: readonly LockTarget[] }): boolean {
  if (stage === 'made') return order.locks.length === 0
  return stage === 'locked' || stage === 'shipped' || stage === 'owner-changed'
}
