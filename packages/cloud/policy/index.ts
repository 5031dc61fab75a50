/** The policy language: parse, variables, decide, explain. Pure. */
export { type BoundPolicies, bindPolicies, type NamedPolicy } from './bind-policies.ts'
export { checkPolicy, type PolicyFinding } from './check-policy.ts'
export type { PolicyCondition, PolicyDocument, PolicyStatement } from './document.ts'
export { explainDecision } from './explain-decision.ts'
export { POLICY_FAULTS } from './faults.ts'
export { POLICY_CHARACTERS_MAX } from './json-reader.ts'
export type {
  AccessRequest,
  Decision,
  NearMiss,
  PolicyAction,
  PolicyCertificate,
  PolicyContext,
  PolicyThing,
  StatementRef,
} from './model.ts'
export { parsePolicyDocument } from './parse-policy-document.ts'
export { keyValues } from './variables.ts'
