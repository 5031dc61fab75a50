/** Stations, sockets and the steps of a device's birth, with resume after a crash. */

export { LINE_FAULTS } from './faults.ts'
export { finishedDevices } from './finished-devices.ts'
export {
  type OnStep,
  PERSONALISATION_STEPS,
  type PersonalisationResult,
  type PersonalisationStep,
  personalise,
} from './personalise.ts'
export {
  type ElementSource,
  FAILURES_IN_ROW_COUNT_MAX,
  type LineOptions,
  type LineProgress,
  type LineSummary,
  PARALLEL_COUNT_MAX,
  runLine,
} from './run-line.ts'
export type { Station } from './station.ts'
