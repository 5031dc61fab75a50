/** TLS listeners, client certificates, connection admission, sessions, attempt records. */
export type {
  Attempt,
  AttemptCause,
  AttemptCauseCode,
  AttemptFilter,
  AttemptSource,
  AttemptStep,
  AttemptStepName,
} from './attempt.ts'
export { attemptsReference } from './attempts-reference.ts'
export { ClientCertificate } from './client-certificate.ts'
export { FRONT_FAULTS } from './faults.ts'
export { startFront } from './front.ts'
export type { Address, EndpointNames, Front, FrontOptions } from './front-options.ts'
export { Identities, type PolicySources } from './identity.ts'
export { FRONT_LIMITS, type FrontLimits } from './limits.ts'
export { ENDPOINT_CIPHERS, type Endpoint } from './tls-options.ts'
export type { ServiceClient, ServiceRequest, TopicService } from './topic-service.ts'
