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
  LEDGER_FORMAT_OLD: {
    blame: 'operator',
    message: '{path} is a ledger of the form birthmark-ledger/1, whose entries nobody signed',
    remedy:
      "Nothing was changed. Keep it, 'birthmark ledger verify' still checks it; go on in a folder with a new ledger.",
  },
  LEDGER_UNSIGNED: {
    blame: 'operator',
    message: '{path} is a ledger of the form birthmark-ledger/1: nobody signed it, so no key and no checkpoint fits it',
    remedy:
      'If there was a signed ledger, this one was put in its place. Otherwise check it without key and checkpoint.',
  },
  LEDGER_DEVICE_UNKNOWN: {
    blame: 'caller',
    message: 'the device {uid} is not in this ledger',
    remedy: "Give the element's own number, lower-case hex, and the ledger of the line that made it.",
  },
  LEDGER_STAGE_UNKNOWN: {
    blame: 'caller',
    message: 'there is no stage or event {stage} here',
    remedy:
      'Stages: begun, made, locked, shipped, owner-changed, scrapped, revoked. Add shipped, owner-changed, revoked.',
  },
  LEDGER_CONSISTENCY_MISSING: {
    blame: 'caller',
    message: 'an earlier checkpoint is named, and nothing that shows that this one has grown from it',
    remedy: "Add --consistency FILE, which 'birthmark ledger checkpoint --since' writes.",
  },
  LEDGER_RECEIVER_MISSING: {
    blame: 'caller',
    message: '{event} needs to say to whom',
    remedy: 'Add --to "NAME".',
  },
  LEDGER_FOUNDER_OTHER: {
    blame: 'operator',
    message: '{path} was begun by the key {founder}, and the key that was given is {given}',
    remedy:
      "Name the key of the station that began it, or this key's ledger. If both are right, the ledger was exchanged.",
  },
  CHECKPOINT_INVALID: {
    blame: 'peer',
    message: 'the checkpoint cannot be used: {why}',
    remedy: "Have it made again with 'birthmark ledger checkpoint', and find out what happened to the ledger.",
  },
  PROOF_INVALID: {
    blame: 'peer',
    message: 'the proof does not hold: {why}',
    remedy: 'Do not rely on it. Ask the owner of the ledger for a new one, and check the keys that you gave.',
  },
  LEDGER_WRITER_UNKNOWN: {
    blame: 'operator',
    message: 'the key of {name} may not write into {path}',
    remedy: "Use a key that may, or have its owner admit this one with 'birthmark ledger admit'.",
  },
  LEDGER_WRITER_UNFIT: {
    blame: 'operator',
    message: 'this writer cannot be used: {why}',
    remedy: 'Use a P-256 key, and a name of 1 to 64 letters, digits, ".", "_", "-".',
  },
} as const
export const ledgerFault: Raise<typeof LEDGER_FAULTS> = faults(LEDGER_FAULTS)
