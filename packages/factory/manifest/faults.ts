import { faults, type Raise } from '@birthmark/foundation/kernel'

export const MANIFEST_FAULTS = {
  MANIFEST_INVALID: {
    blame: 'peer',
    message: 'line {line} of the manifest is wrong: {why}',
    remedy: 'Ask whoever sent it for an undamaged copy; nothing of it was used.',
  },
} as const
export const manifestFault: Raise<typeof MANIFEST_FAULTS> = faults(MANIFEST_FAULTS)
