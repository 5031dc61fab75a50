import { faults, type Raise } from '@birthmark/foundation/kernel'

/** Everything that stops the main job, beyond the faults of its parts. */
export const DEMO_FAULTS = {
  DEMO_FOLDER_NOT_EMPTY: {
    blame: 'caller',
    message: '{path} is not empty',
    remedy: 'Name another folder with --data, or remove that one.',
  },
  DOCUMENT_ABSENT: {
    blame: 'caller',
    message: 'there is no file {path}',
    remedy: 'Name a file that exists.',
  },
  DEMO_COUNT_INVALID: {
    blame: 'caller',
    message: '{count} is not a number of devices that the demo runs',
    remedy: 'Name a whole number from 2 to 10000 with --devices.',
  },
  DEMO_CLOUD_UNREADABLE: {
    blame: 'bug',
    message: 'the ready line of birthmark server lacks {member}',
    remedy: 'Report this.',
  },
  DEMO_LINE_INCOMPLETE: {
    blame: 'operator',
    message: '{failed} of {count} chips were not personalised; the first failed at {step}: {why}',
    remedy: 'Mend the cause and run the command again.',
  },
  DEMO_NOT_REFUSED: {
    blame: 'bug',
    message: '{what} was let through and must not be',
    remedy: 'Report this: the cloud did not enforce what it was told.',
  },
  DEMO_WAY_WRONG: {
    blame: 'bug',
    message: 'this way does not do what it shows: {what}',
    remedy: 'Report this with the data directory (--data).',
  },
  DEMO_OPTION_UNFIT: {
    blame: 'caller',
    message: '--way {way} takes no --{option}',
    remedy: 'Leave it out: only the way jitp takes it.',
  },
  DEMO_REGISTRY_WRONG: {
    blame: 'bug',
    message: 'the registry does not hold what the job made: {what}',
    remedy: 'Report this with the data directory (--data and --keep).',
  },
} as const
export const demoFault: Raise<typeof DEMO_FAULTS> = faults(DEMO_FAULTS)
