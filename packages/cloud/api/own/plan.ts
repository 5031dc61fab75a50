import {
  describePlan,
  type ProvisioningInputs,
  parseTemplate,
  planProvisioning,
  readExistingResources,
} from '@birthmark/cloud/provisioning'
import { sha256 } from '@birthmark/cloud/provisioning/adapters'
import { type CertificateRecord, certificateId } from '@birthmark/cloud/registry'
import { parseCertificate } from '@birthmark/foundation/x509'
import { invalidRequest, notFound } from '../exceptions.ts'
import { newUuid } from '../operations/values.ts'
import type { OwnCall } from './operation.ts'

/**
 * Answers `POST /v1/provisioning/plan`: what a template would do for a certificate, and nothing of it done. The body
 * names a template (`templateName`) or holds one (`templateBody`, `type`), `parameters`, and a certificate that is
 * registered (`certificateId`) or not yet (`certificatePem`); without either it is a new one.
 *
 * @throws `InvalidRequestException`, `ResourceNotFoundException`, faults of the template
 */
export async function planAnswer(call: OwnCall): Promise<object> {
  const { registry, given } = call
  const template = await templateOf(call)
  const { certificate, subject } = await certificateOf(call)
  const inputs: ProvisioningInputs = {
    parameters: parametersOf(given.object('parameters') ?? {}),
    certificate,
    subject,
    scope: registry.scope,
    now: call.now,
    uuid: () => newUuid(call.options.entropy),
    sha256,
  }
  const existing = await readExistingResources(registry, template, inputs)
  const { changes: _changes, ...plan } = planProvisioning(template, inputs, existing)
  return { ...plan, differences: describePlan({ ...plan, changes: _changes }, existing) }
}

async function templateOf({ given, registry }: OwnCall): Promise<ReturnType<typeof parseTemplate>> {
  const [templateName, templateBody] = [given.text('templateName'), given.text('templateBody')]
  if (templateBody !== undefined) {
    const kind = KINDS.find((one) => one === given.text('type'))
    return parseTemplate(templateBody, kind ?? 'FLEET_PROVISIONING')
  }
  if (templateName === undefined) throw invalidRequest('Name a template: templateName, or templateBody.')
  const template = await registry.template(templateName)
  if (template === undefined) throw notFound(`The provisioning template does not exist (name=${templateName})`)
  return parseTemplate(template.body, template.type)
}

async function certificateOf({
  given,
  registry,
  now,
}: OwnCall): Promise<Pick<ProvisioningInputs, 'certificate' | 'subject'>> {
  const [id, pem] = [given.text('certificateId'), given.text('certificatePem')]
  if (id !== undefined) {
    const known = certificateId(id)
    const found = known && (await registry.certificate(known))
    if (found === undefined) throw notFound(`The certificate does not exist (id=${id.slice(0, 64)})`)
    return { certificate: found, subject: parseCertificate(found.pem).subject }
  }
  if (pem === undefined) return { certificate: pending(NEW_CERTIFICATE, '', now), subject: [] }
  const certificate = parseCertificate(pem)
  return { certificate: pending(certificate.fingerprint, certificate.toPem(), now), subject: certificate.subject }
}

function pending(fingerprint: string, pem: string, now: OwnCall['now']): CertificateRecord {
  const id = certificateId(fingerprint)
  if (id === undefined) throw new TypeError('a fingerprint is 64 hex digits')
  const moments = { notBefore: now, notAfter: now, createdAt: now, modifiedAt: now }
  const origin = { mode: 'DEFAULT', caId: undefined, customerVersion: 1, generationId: '' } as const
  return { id, pem, status: 'PENDING_ACTIVATION', ...origin, ...moments }
}

function parametersOf(value: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalidRequest('parameters must be an object of texts.')
    parameters.set(name, text)
  }
  return parameters
}

/** Stands for a certificate that is not made yet. */
const NEW_CERTIFICATE = '0'.repeat(64)
const KINDS = ['FLEET_PROVISIONING', 'JITP', 'REGISTER_THING'] as const
