import {
  commitProvisioning,
  PROVISIONING_FAULTS,
  type ProvisioningInputs,
  type ProvisioningPlan,
  parseTemplate,
  wantedCertificate,
} from '@birthmark/cloud/provisioning'
import { sha256 } from '@birthmark/cloud/provisioning/adapters'
import { type CertificateRecord, certificateId } from '@birthmark/cloud/registry'
import { Fault } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate, verifyCsr } from '@birthmark/foundation/x509'
import { AwsException, notFound } from './exceptions.ts'
import type { Call } from './operation-types.ts'
import { readCertificate } from './operations/read-certificate.ts'
import { findIssuer, idOf } from './operations/register-certificate.ts'
import { newUuid } from './operations/values.ts'

/** What was registered. */
export interface RegisteredThing {
  readonly certificatePem: string
  readonly resourceArns: ProvisioningPlan['resourceArns']
}

/**
 * Registers a thing with its certificate and policies as a template says, all of it or nothing (AWS IoT API,
 * RegisterThing).
 *
 * @throws `ResourceRegistrationFailureException`, `ConflictingResourceUpdateException`, `ResourceNotFoundException`,
 * `CertificateValidationException`, faults of the template
 */
export async function registerThing(
  templateBody: string,
  parameters: ReadonlyMap<string, string>,
  call: RegisteringCall,
): Promise<RegisteredThing> {
  const template = parseTemplate(templateBody, 'REGISTER_THING')
  try {
    const certificate = await certificateFor(wantedCertificate(template, parameters), call)
    const inputs: ProvisioningInputs = {
      parameters,
      certificate,
      subject: parseCertificate(certificate.pem).subject,
      scope: call.registry.scope,
      now: call.now,
      uuid: () => newUuid(call.entropy),
      sha256,
    }
    const { resourceArns } = await commitProvisioning(call.registry, template, inputs)
    return { certificatePem: certificate.pem, resourceArns }
  } catch (error) {
    throw registrationFailure(error)
  }
}

/** What registering may use. */
export type RegisteringCall = Pick<Call, 'registry' | 'certificateProvider' | 'now' | 'entropy'>

type Wanted = ReturnType<typeof wantedCertificate>

/** Gives the certificate as it is registered, or as the plan is going to register it. */
async function certificateFor(wanted: Wanted, call: RegisteringCall): Promise<CertificateRecord> {
  switch (wanted.by) {
    case 'id': {
      const id = certificateId(wanted.id)
      const record = id && (await call.registry.certificate(id))
      if (record === undefined) throw notFound(`The certificate does not exist (id=${wanted.id.slice(0, 64)})`)
      return record
    }
    case 'pem': {
      const certificate = readCertificate(wanted.pem, call.now)
      const known = await call.registry.certificate(idOf(certificate))
      if (known !== undefined) return known
      const ca = await findIssuer(certificate, wanted.caPem, call)
      if (ca.status !== 'ACTIVE') {
        throw new AwsException('ResourceRegistrationFailureException', `The CA certificate is not ACTIVE. Id: ${ca.id}`)
      }
      return newRecord(certificate, { mode: ca.mode, caId: ca.id }, call)
    }
    case 'csr': {
      const provided = await call.certificateProvider.issue(verifyCsr(wanted.csr).der, 'device')
      return newRecord(parseCertificate(provided.certificate), { mode: 'DEFAULT', caId: undefined }, call)
    }
  }
}

/** A new certificate waits for what its template makes of it. */
function newRecord(
  certificate: Certificate,
  origin: Pick<CertificateRecord, 'mode' | 'caId'>,
  { now, entropy }: RegisteringCall,
): CertificateRecord {
  return {
    ...origin,
    id: idOf(certificate),
    pem: certificate.toPem(),
    status: 'PENDING_ACTIVATION',
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    createdAt: now,
    modifiedAt: now,
    customerVersion: 1,
    generationId: newUuid(entropy),
  }
}

function registrationFailure(error: unknown): unknown {
  if (!(error instanceof Fault) || !Object.hasOwn(PROVISIONING_FAULTS, error.code)) return error
  const text = `${error.message}. ${error.remedy}`
  const isConflict = error.code === 'PROVISIONING_RESOURCE_CONFLICT' || error.code === 'PROVISIONING_CONTENDED'
  return new AwsException(
    isConflict ? 'ConflictingResourceUpdateException' : 'ResourceRegistrationFailureException',
    text,
  )
}
