import type { Operations } from '../operation-types.ts'
import { authorizationOperations } from './authorization.ts'
import { authorizerOperations } from './authorizers.ts'
import { billingGroupOperations } from './billing-groups.ts'
import { caCertificateOperations } from './ca-certificates.ts'
import { certificateProviderOperations } from './certificate-providers.ts'
import { certificateTransferOperations } from './certificate-transfers.ts'
import { certificateOperations } from './certificates.ts'
import { createCertificateOperations } from './create-certificate.ts'
import { domainConfigurationOperations } from './domain-configurations.ts'
import { dynamicGroupOperations } from './dynamic-groups.ts'
import { endpointOperations } from './endpoint.ts'
import { eventConfigurationOperations } from './event-configurations.ts'
import { fleetIndexOperations } from './fleet-index.ts'
import { indexingConfigurationOperations } from './indexing-configuration.ts'
import { loggingOperations } from './logging.ts'
import { policyOperations } from './policies.ts'
import { policyAttachmentOperations } from './policy-attachments.ts'
import { provisioningClaimOperations } from './provisioning-claims.ts'
import { registerCaCertificateOperations } from './register-ca-certificate.ts'
import { registerCertificateOperations } from './register-certificate.ts'
import { registerThingOperations } from './register-thing.ts'
import { registrationCodeOperations } from './registration-code.ts'
import { roleAliasOperations } from './role-aliases.ts'
import { tagOperations } from './tags.ts'
import { templateVersionOperations } from './template-versions.ts'
import { templateOperations } from './templates.ts'
import { thingGroupMemberOperations } from './thing-group-members.ts'
import { thingGroupOperations } from './thing-groups.ts'
import { thingPrincipalOperations } from './thing-principals.ts'
import { thingTypeOperations } from './thing-types.ts'
import { thingOperations } from './things.ts'
import { topicRuleOperations } from './topic-rules.ts'

/** Every operation that is implemented; the others answer NotImplementedException. */
export const OPERATIONS: Partial<Operations> = {
  ...authorizationOperations,
  ...authorizerOperations,
  ...caCertificateOperations,
  ...certificateOperations,
  ...certificateProviderOperations,
  ...certificateTransferOperations,
  ...createCertificateOperations,
  ...domainConfigurationOperations,
  ...endpointOperations,
  ...loggingOperations,
  ...policyAttachmentOperations,
  ...policyOperations,
  ...registerCaCertificateOperations,
  ...registerCertificateOperations,
  ...provisioningClaimOperations,
  ...registerThingOperations,
  ...registrationCodeOperations,
  ...roleAliasOperations,
  ...templateOperations,
  ...templateVersionOperations,
  ...billingGroupOperations,
  ...dynamicGroupOperations,
  ...eventConfigurationOperations,
  ...fleetIndexOperations,
  ...indexingConfigurationOperations,
  ...tagOperations,
  ...thingGroupOperations,
  ...thingGroupMemberOperations,
  ...thingTypeOperations,
  ...thingOperations,
  ...topicRuleOperations,
  ...thingPrincipalOperations,
}
