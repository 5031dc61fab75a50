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
export { isAttemptStepName } from './attempt.ts'
export { isAttemptCauseCode } from './attempt-causes.ts'
export type { AttemptKeeper, AttemptStage } from './attempt-keeper.ts'
export { attemptsReference } from './attempts-reference.ts'
export type {
  AuthorizerCredentials,
  AuthorizerGrant,
  AuthorizerPort,
  AuthorizerRefusal,
  AuthorizerVerdict,
} from './authorizer-port.ts'
export { ClientCertificate } from './client-certificate.ts'
export type { ConnectRates } from './connect-rates.ts'
export { FRONT_FAULTS } from './faults.ts'
export { startFront } from './front.ts'
export type { Address, EndpointNames, Front, FrontOptions } from './front-options.ts'
export { httpCause } from './http-admission.ts'
export type { HttpAdmitted, HttpClient, HttpPrincipal, HttpService, SignatureVerdict } from './http-ports.ts'
export { Identities, type PolicySources } from './identity.ts'
export type { SignedKey } from './key-identity.ts'
export { FRONT_LIMITS, type FrontLimits } from './limits.ts'
export { BUILT_IN_LOCAL_POLICY, LOCAL_POLICY } from './local-identity.ts'
export { Presence, type PresencePort } from './presence.ts'
export { provisioningCause } from './provisioning-causes.ts'
export {
  DEFAULT_SECURITY_POLICY,
  isSecurityPolicy,
  OLD_SECURITY_POLICIES,
  SECURITY_POLICIES,
  type SecurityPolicy,
} from './security-policy.ts'
export type { OpenedSession, WatchSessions } from './session-watch.ts'
export { type DomainEndpoint, ENDPOINT_CIPHERS, type Endpoint, type Endpoints } from './tls-options.ts'
export type { ServiceClient, ServiceRequest, TopicService } from './topic-service.ts'
