/** Stations, sockets and the steps of a device's birth, with resume after a crash. */

export {
  CREDENTIAL_FORMS,
  type Credential,
  type CredentialFile,
  type CredentialForm,
  packCredential,
} from './birth/credential.ts'
export {
  claimNumber,
  type DraftKeys,
  type InjectionOptions,
  type InjectionResult,
  injectIdentity,
} from './birth/inject.ts'
export { openSealedFiles, sealFiles } from './birth/sealed-files.ts'
export { DeskClient, type DeskClientOptions, type TokenStore } from './desk-client.ts'
export { LINE_FAULTS } from './faults.ts'
export { finishedDevices } from './finished-devices.ts'
export { type OfflineOptions, OfflineStation, type SyncResult } from './offline.ts'
export {
  type OnStep,
  PERSONALISATION_STEPS,
  type PersonalisationResult,
  type PersonalisationStep,
  personalise,
  type StepTimes,
} from './personalise.ts'
export {
  type LineReport,
  type LotReport,
  type ReportSource,
  reportLine,
  type StationReport,
  type StepReport,
} from './report.ts'
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
export { formatRun, parseRun, type RunRecord, RunStatistics, type StepStatistics } from './statistics.ts'
