import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  CertificateStatus,
  ScopedRegistry,
} from '@birthmark/cloud/registry'
import { certificateId } from '@birthmark/cloud/registry'
import type { Entropy, Instant } from '@birthmark/foundation/kernel'
import { readExistingResources } from './existing-resources.ts'
import { isProvisioningFault, provisioningFault } from './faults.ts'
import { planProvisioning } from './plan.ts'
import type { ExistingResources, PlannedChange, ProvisioningInputs, ProvisioningPlan } from './plan-model.ts'
import { certificatesOfSameKey, type PublicKeyOf, retire } from './same-key.ts'
import type { SubjectAttribute } from './subject-parameters.ts'
import type { ProvisioningTemplate } from './template.ts'
import type { TemplateCache } from './template-cache.ts'
import { uuidOf } from './uuid.ts'

/** What is read of a device's certificate; the class `Certificate` of the x509 room has it. */
export interface PresentedCertificate {
  /** SHA-256 of the DER, 64 lower-case hex digits. */
  readonly fingerprint: string
  readonly subject: readonly SubjectAttribute[]
  readonly notBefore: Instant
  readonly notAfter: Instant
  toPem(): string
}

/** A device that connects for the first time, and what provisioning it needs. */
export interface FirstConnection {
  /** The registered CA that issued the certificate; the caller has verified that, and that both are valid now. */
  readonly ca: CaCertificateRecord
  readonly certificate: PresentedCertificate
  readonly now: Instant
  readonly entropy: Entropy
  /** Where parsed templates are kept; shared by the connections of an endpoint. */
  readonly templates: TemplateCache
  /**
   * Reads public keys where a certificate of the thing that has the same key is replaced by the new one; absent where
   * both stay.
   */
  readonly publicKeyOf?: PublicKeyOf
  /** Gives the SHA-256 of its argument. */
  readonly sha256: (content: Uint8Array) => Uint8Array
}

/** How a first connection's provisioning ended. */
export type FirstConnectionOutcome =
  | {
      readonly outcome: 'provisioned'
      readonly thingName: string | undefined
      readonly status: CertificateStatus
      /** What was committed; empty when another connection of the device had done it. */
      readonly changes: readonly PlannedChange[]
      readonly explanation: readonly string[]
    }
  | {
      readonly outcome: 'failed'
      /** A code of `PROVISIONING_FAULTS`. */
      readonly code: string
      readonly reason: string
      readonly remedy: string
    }

/**
 * Provisions a device by the template of its CA (AWS IoT Core developer guide, Just-in-time provisioning): certificate,
 * thing, policies, attachments and status in one commit, so that concurrent first connections and a crash leave all of
 * it or nothing. When the template fails, the certificate stays registered as PENDING_ACTIVATION and the next
 * connection tries again.
 *
 * @throws faults of the registry
 */
export async function provisionFirstConnection(
  registry: ScopedRegistry,
  connection: FirstConnection,
): Promise<FirstConnectionOutcome> {
  try {
    return await provision(registry, connection)
  } catch (error) {
    if (!isProvisioningFault(error)) throw error
    await registerPending(registry, connection)
    return { outcome: 'failed', code: error.code, reason: error.message, remedy: error.remedy }
  }
}

/**
 * Registers the certificate of a first connection as PENDING_ACTIVATION and does no more: what just-in-time
 * registration begins with.
 *
 * @returns the certificate as it is registered now, by this call or before
 * @throws faults of the registry
 */
export async function registerPending(
  registry: ScopedRegistry,
  connection: FirstConnection,
): Promise<CertificateRecord> {
  const certificate = pendingCertificate(connection)
  const result = await registry.commit([{ do: 'register-certificate', certificate }])
  return result.ok ? certificate : ((await registry.certificate(certificate.id)) ?? certificate)
}

/**
 * Plans a first connection and commits nothing: a dry run.
 *
 * @throws the faults of `PROVISIONING_FAULTS`, faults of the registry
 */
export async function planFirstConnection(
  registry: ScopedRegistry,
  connection: FirstConnection,
): Promise<{ readonly plan: ProvisioningPlan; readonly existing: ExistingResources }> {
  const template = await templateOf(registry, connection)
  const inputs: ProvisioningInputs = {
    parameters: new Map(),
    certificate: pendingCertificate(connection),
    subject: connection.certificate.subject,
    scope: registry.scope,
    now: connection.now,
    uuid: () => uuidOf(connection.entropy),
    sha256: connection.sha256,
  }
  const existing = await readExistingResources(registry, template, inputs)
  return { plan: planProvisioning(template, inputs, existing), existing }
}

async function provision(registry: ScopedRegistry, connection: FirstConnection): Promise<FirstConnectionOutcome> {
  let refusal = { change: '', reason: '' }
  for (let tries = 0; tries < COMMIT_TRIES_MAX; tries += 1) {
    // Step 1: look whether this is still a first connection; another one of the same device may have been faster.
    const done = await provisionedBefore(registry, presentedId(connection))
    if (done !== undefined) return done

    // Step 2: decide. Nothing has happened yet.
    const { plan } = await planFirstConnection(registry, connection)
    const retired = await retireSameKey(registry, connection, plan)
    const changes = [...plan.changes, ...retired]

    // Step 3: all of it, or nothing. A conflict means that somebody changed what step 2 had read: decide anew.
    const result = await registry.commit(changes)
    if (result.ok) {
      const { thingName, status } = plan
      const same = retired.flatMap((change) => (change.do === 'detach-thing-principal' ? [change.certificateId] : []))
      const because = same.map((id) => `certificate ${id} has the same key and is replaced`)
      return { outcome: 'provisioned', thingName, status, changes, explanation: [...plan.explanation, ...because] }
    }
    refusal = { change: changes[result.index]?.do ?? '', reason: result.reason }
  }
  throw provisioningFault('PROVISIONING_CONTENDED', { tries: COMMIT_TRIES_MAX, ...refusal })
}

async function retireSameKey(
  registry: ScopedRegistry,
  connection: FirstConnection,
  { thingName, status }: ProvisioningPlan,
): Promise<readonly PlannedChange[]> {
  const { publicKeyOf, certificate, now } = connection
  if (publicKeyOf === undefined || thingName === undefined || status !== 'ACTIVE') return []
  const own = { id: presentedId(connection), pem: certificate.toPem() }
  return retire(thingName, await certificatesOfSameKey(registry, thingName, own, publicKeyOf), now)
}

/** A certificate that left PENDING_ACTIVATION is never provisioned again, whatever becomes of the template. */
async function provisionedBefore(
  registry: ScopedRegistry,
  id: CertificateId,
): Promise<FirstConnectionOutcome | undefined> {
  const certificate = await registry.certificate(id)
  if (certificate === undefined || certificate.status === 'PENDING_ACTIVATION') return undefined
  const { status } = certificate
  if (status !== 'ACTIVE') throw provisioningFault('PROVISIONING_CERTIFICATE_STATE', { certificate: id, status })
  const [attachment] = await registry.thingsOfPrincipal(id)
  const explanation = ['the certificate is ACTIVE already']
  return { outcome: 'provisioned', thingName: attachment?.thingName, status, changes: [], explanation }
}

async function templateOf(registry: ScopedRegistry, { ca, templates }: FirstConnection): Promise<ProvisioningTemplate> {
  const config = ca.registrationConfig
  if (config?.templateBody !== undefined) return templates.parsed(config.templateBody, 'JITP')
  if (config?.templateName === undefined) throw provisioningFault('PROVISIONING_NOT_CONFIGURED', { ca: ca.id })
  const template = await registry.template(config.templateName)
  if (template === undefined || template.type !== 'JITP') {
    throw provisioningFault('PROVISIONING_TEMPLATE_ABSENT', { template: config.templateName, ca: ca.id })
  }
  if (!template.enabled) throw provisioningFault('PROVISIONING_TEMPLATE_DISABLED', { template: template.name })
  return templates.parsed(template.body, 'JITP')
}

function pendingCertificate(connection: FirstConnection): CertificateRecord {
  const { ca, certificate, now, entropy } = connection
  return {
    id: presentedId(connection),
    pem: certificate.toPem(),
    status: 'PENDING_ACTIVATION',
    mode: ca.mode,
    caId: ca.id,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    createdAt: now,
    modifiedAt: now,
    customerVersion: 1,
    generationId: uuidOf(entropy),
  }
}

function presentedId({ certificate }: FirstConnection): CertificateId {
  const id = certificateId(certificate.fingerprint)
  if (id === undefined) throw new TypeError('a fingerprint is 64 hex digits')
  return id
}

/**
 * Plans that are made for one first connection before it gives up. Each further one means that another commit changed
 * the same thing, certificate or policy in between; the device connects again anyway. At the limit:
 * `PROVISIONING_CONTENDED`.
 */
export const COMMIT_TRIES_MAX = 5
