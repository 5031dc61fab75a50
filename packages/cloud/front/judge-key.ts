import { type Admission, type AdmissionPorts, found, type Refusal, refuse } from './admission-step.ts'
import { bindKey } from './key-identity.ts'

/** Binds the permissions of the access key that signed the connection's request. */
export async function bindToKey(admission: Admission, { keys }: AdmissionPorts): Promise<Refusal | undefined> {
  const key = found(admission, 'presented').signedBy
  const identity =
    key &&
    (await bindKey(key, keys, { accepted: found(admission, 'accepted'), remoteAddress: admission.remoteAddress }))
  if (identity === undefined) return refuse('SIGNATURE_REFUSED', { why: 'its access key was revoked' })
  admission.attempt.step('policy', identity.policyNames.join(', '))
  admission.identity = identity
  return undefined
}
