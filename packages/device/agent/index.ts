/** What runs on the device: connect with the element's key, be provisioned, rotate, come back, publish. */
export { type ComeOnline, comeOnline, type Online } from './agent.ts'
export { type Backoff, backoffDelay, FIELD_BACKOFF } from './backoff.ts'
export {
  type AgentConfiguration,
  type ClosingChoice,
  type ElementChoice,
  type RotationChoice,
  readConfiguration,
} from './configuration.ts'
export { connectOnce, type DeviceConnection, type DevicePorts, type Endpoint } from './connection.ts'
export { AGENT_FAULTS } from './faults.ts'
export { type DeviceIdentity, loadIdentity } from './identity.ts'
export type { IdentityStore } from './identity-store.ts'
export { resetJournal } from './journal.ts'
export { JournalFile } from './journal-file.ts'
export type { AgentNotice } from './notice.ts'
export { openStore } from './open-store.ts'
export { ACQUISITION_MOMENTS, type AcquisitionMoment, type AgentParts, type CloseCertificate } from './parts.ts'
export { type RunAgent, rotateOnce, runAgent } from './run.ts'
