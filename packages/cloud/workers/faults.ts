import { faults, type Raise } from '@birthmark/foundation/kernel'

export const WORKER_FAULTS = {
  CHANNEL_CLOSED: {
    blame: 'busy',
    message: 'another process of this server has ended',
    remedy: 'Try again: it is started anew.',
  },
  WORKER_DID_NOT_START: {
    blame: 'operator',
    message: 'worker {number} did not start: {why}',
    remedy: 'Mend what it says, then start the server again.',
  },
} as const
export const workerFault: Raise<typeof WORKER_FAULTS> = faults(WORKER_FAULTS)
