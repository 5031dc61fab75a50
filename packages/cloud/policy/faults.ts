import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with a policy document. */
export const POLICY_FAULTS = {
  POLICY_MALFORMED: {
    blame: 'caller',
    message: 'the policy document is malformed at {path}: {why}',
    remedy: 'Correct the document at the named place and send it again.',
    spec: 'AWS IoT Core developer guide, AWS IoT Core policies; IAM JSON policy grammar',
  },
} as const
export const policyFault: Raise<typeof POLICY_FAULTS> = faults(POLICY_FAULTS)
