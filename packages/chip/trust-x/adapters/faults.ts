import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong with the file that a virtual chip lives in. */
export const CHIP_FILE_FAULTS = {
  CHIP_FILE_NOT_A_CHIP: {
    blame: 'operator',
    message: '{path} is not the file of a virtual chip',
    remedy: 'Name another file; this one was left untouched.',
  },
  CHIP_FILE_VERSION_UNKNOWN: {
    blame: 'operator',
    message: '{path} was written by another version of Birthmark (format {version})',
    remedy: 'Open it with the version that wrote it; it was left untouched.',
  },
  CHIP_FILE_DAMAGED: {
    blame: 'operator',
    message: '{path} is damaged: {why}',
    remedy: 'Restore it from a copy, or make a new chip under another name; it was left untouched.',
  },
  CHIP_FILE_IN_USE: {
    blame: 'operator',
    message: '{path} is in use by process {pid}',
    remedy: 'A chip has one owner at a time: stop that process, or use another chip.',
  },
  CHIP_FILE_LOCK_LOST: {
    blame: 'operator',
    message: 'the lock of {path} was taken away while the chip was in use',
    remedy: 'Do not remove lock files of running processes; the last change was not written.',
  },
} as const
export const chipFileFault: Raise<typeof CHIP_FILE_FAULTS> = faults(CHIP_FILE_FAULTS)
