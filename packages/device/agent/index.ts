/** What runs on the device: connect with the element's key, be provisioned, come back, publish. */
export { type ComeOnline, comeOnline, type Online } from './agent.ts'
export { type Backoff, backoffDelay, FIELD_BACKOFF } from './backoff.ts'
export { connectOnce, type DeviceConnection, type DevicePorts, type Endpoint } from './connection.ts'
export { AGENT_FAULTS } from './faults.ts'
export { type DeviceIdentity, loadIdentity } from './identity.ts'
