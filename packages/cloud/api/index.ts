/** AWS IoT's control plane over REST-JSON with SigV4, and Birthmark's own HTTP API. */

export { newEndpointPrefix } from './access/endpoint-prefix.ts'
export { type KeyRequest, newAccessKey } from './access/keys.ts'
export { type Permission, ROLE_NAMES, type RoleName, roleDocument } from './access/roles.ts'
export { type ControlPlane, createControlPlane } from './control-plane.ts'
export type { ControlPlaneOptions } from './control-plane-options.ts'
export { type OperationCoverage, operationCoverage } from './coverage.ts'
export { API_FAULTS } from './faults.ts'
export { EVENTS_SETTING, enabledEvents } from './operations/event-configurations.ts'
export { callOffline, type OfflineParts } from './own/offline.ts'
export { openApiDocument, openApiMarkdown } from './own/open-api.ts'
export { RegistrationTasks } from './tasks/registration-tasks.ts'
