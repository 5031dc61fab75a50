/** AWS IoT's control plane over REST-JSON with SigV4, and Birthmark's own HTTP API. */
export { type ControlPlane, type ControlPlaneOptions, createControlPlane } from './control-plane.ts'
export { type OperationCoverage, operationCoverage } from './coverage.ts'
export { API_FAULTS } from './faults.ts'
