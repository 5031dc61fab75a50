import type { CertificateId } from '@birthmark/cloud/registry'
import type { Presented } from './admission-step.ts'
import type { AttemptCause } from './attempt.ts'
import { type LiveConnection, type Revocation, revocationCause } from './live-connections.ts'

/** A client in its admission, entered among the live connections so that no change of the registry passes it by. */
export class Candidate implements LiveConnection {
  readonly certificateId: CertificateId | undefined
  readonly accessKeyId: string | undefined
  readonly clientId: string
  readonly thingName = undefined
  readonly bound = undefined
  /** Whether something it may have been admitted by has changed since. */
  hasChanged = false
  /** Why it must not be admitted any more. */
  revoked: AttemptCause | undefined

  /** @param presented What it showed in TLS; a certificate beside a signature does not count. */
  constructor(presented: Pick<Presented, 'asksAuthorizer' | 'certificate' | 'signedBy'> | undefined, clientId: string) {
    this.accessKeyId = presented?.signedBy?.id
    const counts = this.accessKeyId === undefined && presented?.asksAuthorizer !== true
    this.certificateId = counts ? presented?.certificate?.id : undefined
    this.clientId = clientId
  }

  endRevoked(revocation: Revocation): void {
    this.revoked = revocationCause(revocation)
  }

  /** Only sessions are replaced; of two candidates both become one, and the later stays. */
  endTakenOver(): void {}

  /** It has no connection yet that anybody could mean. */
  endByOrder(): void {}

  hold(): void {
    this.hasChanged = true
  }

  async rebind(): Promise<void> {}

  release(): void {}
}
