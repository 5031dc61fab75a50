import type { Instant } from '@birthmark/foundation/kernel'
import type { AwsEvent } from './event.ts'

/** A certificate that waits for a decision. */
export interface RegisteredFacts {
  readonly certificateId: string
  readonly caCertificateId: string
  readonly certificateStatus: string
  readonly account: string
  readonly at: Instant
  readonly registeredAt: Instant
  readonly clientId: string | undefined
}

/**
 * A device came with a certificate that its CA vouches for and that waits for activation: sent at each such connection
 * (AWS IoT Core developer guide, Just-in-time registration).
 */
export function registeredEvent(facts: RegisteredFacts): AwsEvent {
  const { certificateId, caCertificateId, certificateStatus, account, at, registeredAt } = facts
  return {
    clientId: facts.clientId,
    topic: `$aws/events/certificates/registered/${caCertificateId}`,
    payload: {
      certificateId,
      caCertificateId,
      timestamp: at,
      certificateStatus,
      awsAccountId: account,
      certificateRegistrationTimestamp: String(registeredAt),
    },
  }
}
