import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with a function that is added. */
export const FUNCTION_FAULTS = {
  FUNCTION_INVALID: {
    blame: 'caller',
    message: '{member} of the function must be {expected}',
    remedy: 'Correct it and add the function again.',
  },
} as const

/** Makes a fault of {@link FUNCTION_FAULTS}. */
export const functionFault: Raise<typeof FUNCTION_FAULTS> = faults(FUNCTION_FAULTS)
