import type { Operations } from '../operation-types.ts'
import { caCertificateOperations } from './ca-certificates.ts'
import { certificateOperations } from './certificates.ts'
import { createCertificateOperations } from './create-certificate.ts'
import { endpointOperations } from './endpoint.ts'
import { policyOperations } from './policies.ts'
import { policyAttachmentOperations } from './policy-attachments.ts'
import { registerCaCertificateOperations } from './register-ca-certificate.ts'
import { registerCertificateOperations } from './register-certificate.ts'
import { registrationCodeOperations } from './registration-code.ts'
import { templateOperations } from './templates.ts'
import { thingPrincipalOperations } from './thing-principals.ts'
import { thingOperations } from './things.ts'

/** Every operation that is implemented; the others answer NotImplementedException. */
export const OPERATIONS: Partial<Operations> = {
  ...caCertificateOperations,
  ...certificateOperations,
  ...createCertificateOperations,
  ...endpointOperations,
  ...policyAttachmentOperations,
  ...policyOperations,
  ...registerCaCertificateOperations,
  ...registerCertificateOperations,
  ...registrationCodeOperations,
  ...templateOperations,
  ...thingOperations,
  ...thingPrincipalOperations,
}
