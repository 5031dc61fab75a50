import { faults, type Raise } from '@birthmark/foundation/kernel'

export const LEDGER_FAULTS = {
  LEDGER_IN_USE: {
    blame: 'operator',
    message: '{path} is in use by another process',
    remedy: 'Stop the other process first: one process at a time may append to a record.',
  },
  LEDGER_DAMAGED: {
    blame: 'operator',
    message: '{path} is damaged at line {line}: {why}',
    remedy: 'Nothing was changed. Keep the file, restore an undamaged copy, and find out who or what edited it.',
  },
  LEDGER_FAILED: {
    blame: 'operator',
    message: '{path} takes no more entries because writing to it failed',
    remedy: 'Look for the first failure in the log, repair the disk or free space, and start the program again.',
  },
  LEDGER_CLOSED: {
    blame: 'caller',
    message: '{path} was closed',
    remedy: 'Open it again before appending.',
  },
  LEDGER_BUSY: {
    blame: 'busy',
    message: '{path} already has {count} entries waiting for the disk',
    remedy: 'Ask again later; the disk is slower than the requests.',
  },
  LEDGER_RECORD_INVALID: {
    blame: 'bug',
    message: 'a record that could not be read again was not written to {path}: {why}',
    remedy: 'Report this with the log; the file is as it was.',
  },
  LEDGER_STEP_REFUSED: {
    blame: 'caller',
    message: 'the device {uid} is {stage}; it cannot become {kind}',
    remedy: 'Look the device up in the ledger; an identity is made once, in order, and never changed afterwards.',
  },
} as const
export const ledgerFault: Raise<typeof LEDGER_FAULTS> = faults(LEDGER_FAULTS)
