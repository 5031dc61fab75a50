import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with this room itself; what is wrong with a request is an {@link AwsException}. */
export const API_FAULTS = {
  API_MODEL_UNKNOWN: {
    blame: 'bug',
    message: 'the schema of {operation} has something this engine cannot do: {what}',
    remedy: 'Teach the engine about it, or pin the SDK package at the version before.',
  },
} as const
/** Raises one of {@link API_FAULTS}. */
export const apiFault: Raise<typeof API_FAULTS> = faults(API_FAULTS)
