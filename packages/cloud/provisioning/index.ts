/** Template language -> plan -> apply: how a device's first connection makes its registry entries. Pure. */
export type { CertificateProvider, CertificatePurpose, ProvidedCertificate } from './certificate-provider.ts'
export { type WantedCertificate, wantedCertificate } from './certificate-source.ts'
export { commitProvisioning } from './commit-plan.ts'
export { describePlan } from './describe-plan.ts'
export { readExistingResources } from './existing-resources.ts'
export { PROVISIONING_FAULTS } from './faults.ts'
export {
  type FirstConnection,
  type FirstConnectionOutcome,
  type PresentedCertificate,
  planFirstConnection,
  provisionFirstConnection,
  registerPending,
} from './first-connection.ts'
export { FleetProvisioning, SWEEP_COUNT_MAX } from './fleet.ts'
export { FLEET_FAULTS } from './fleet-faults.ts'
export type {
  CallHook,
  FleetBrake,
  FleetClient,
  FleetCrypto,
  FleetFailure,
  FleetIssuer,
  FleetPorts,
  FleetRequest,
  HookEvent,
  TakenThing,
} from './fleet-ports.ts'
export { parseTemplate, TEMPLATE_CHARACTERS_MAX } from './parse-template.ts'
export { planProvisioning } from './plan.ts'
export type { ExistingResources, PlannedChange, ProvisioningInputs, ProvisioningPlan } from './plan-model.ts'
export type { SubjectAttribute } from './subject-parameters.ts'
export type { ProvisioningTemplate, TemplateKind } from './template.ts'
export { TemplateCache } from './template-cache.ts'
