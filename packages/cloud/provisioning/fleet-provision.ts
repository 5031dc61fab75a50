import type {
  AllowList,
  CertificateRecord,
  Change,
  OfferedCertificate,
  ScopedRegistry,
  TemplateRecord,
} from '@birthmark/cloud/registry'
import { equalBytes, type Millis, seconds } from '@birthmark/foundation/kernel'
import { commitProvisioning } from './commit-plan.ts'
import { provisioningFault, quoted } from './faults.ts'
import { fleetFault } from './fleet-faults.ts'
import { hashOf, principalOf } from './fleet-offer.ts'
import { type PayloadMembers, parametersMember, textMap } from './fleet-payload.ts'
import type { FleetPorts, FleetRequest } from './fleet-ports.ts'
import type { ProvisioningInputs, ProvisioningPlan } from './plan-model.ts'
import { certificatesOfSameKey, retire } from './same-key.ts'
import { templateArn } from './template-arn.ts'
import { uuidOf } from './uuid.ts'

type Parameters = ReadonlyMap<string, string>

/** Provisions the device that a certificate was offered to, by a template (RegisterThing over MQTT). */
export async function provisionOffered(
  templateName: string,
  members: PayloadMembers,
  request: FleetRequest,
  ports: FleetPorts,
): Promise<Readonly<Record<string, unknown>>> {
  const registry = ports.registryOf(request.scope)
  // Step 1: the template, and whose certificate it is.
  const template = await fleetTemplate(registry, templateName)
  const token = members.get('certificateOwnershipToken')
  const { offer, certificate } = await ownedOffer(token, registry, request, ports)
  const sent = parametersMember(members)

  // Step 2: may this device have it? The list first: it costs nothing, the hook does.
  const uses = await requireAllowed(template, sent, certificate, registry, ports)
  const parameters = await askHook(template, sent, certificate, request, ports)

  // Step 3: all of it, or nothing.
  const ordered = [...sent].sort(([left], [right]) => (left < right ? -1 : 1))
  const usedFor = hashOf(JSON.stringify([templateName, ordered]), ports)
  if (offer.usedFor !== undefined && offer.usedFor !== usedFor) throw fleetFault('FLEET_TOKEN_SPENT')
  const spending: readonly Change[] = [...uses, { do: 'use-offer', certificateId: certificate.id, usedFor }]
  const plan = await commitPlan(template, { certificate, parameters, spending }, request, ports)
  for (const line of plan.explanation) request.note(line)
  const thing = plan.thingName === undefined ? {} : { thingName: plan.thingName }
  return { deviceConfiguration: plan.deviceConfiguration, ...thing }
}

async function fleetTemplate(registry: ScopedRegistry, name: string): Promise<TemplateRecord> {
  const template = await registry.template(name)
  if (template === undefined || template.type !== 'FLEET_PROVISIONING') {
    throw fleetFault('FLEET_TEMPLATE_ABSENT', { template: quoted(name) })
  }
  if (!template.enabled) throw fleetFault('FLEET_TEMPLATE_DISABLED', { template: name })
  return template
}

async function ownedOffer(
  token: unknown,
  registry: ScopedRegistry,
  { client }: FleetRequest,
  ports: FleetPorts,
): Promise<OfferedCertificate> {
  if (token === undefined || token === null || token === '') {
    throw fleetFault('FLEET_TOKEN_INVALID', { why: 'Certificate ownership token cannot be empty.' })
  }
  const isText = typeof token === 'string' && token.length <= TOKEN_CHARACTERS_MAX
  const offered = isText ? await registry.provisioning.offer(hashOf(token, ports)) : undefined
  if (offered === undefined || offered.offer.principal !== principalOf(client)) throw unknownToken()
  const { expiresAt } = offered.offer
  if (expiresAt <= ports.clock.now()) {
    throw fleetFault('FLEET_TOKEN_EXPIRED', { at: new Date(expiresAt).toISOString() })
  }
  return offered
}

function unknownToken(): Error {
  return fleetFault('FLEET_TOKEN_INVALID', { why: 'Certificate ownership token is not valid for this client.' })
}

/** Checks the parameters against the template's allow-lists, without any function; gives the uses to be noted. */
async function requireAllowed(
  template: TemplateRecord,
  parameters: Parameters,
  certificate: CertificateRecord,
  registry: ScopedRegistry,
  ports: FleetPorts,
): Promise<readonly Change[]> {
  const { provisioning } = registry
  const { id: certificateId } = certificate
  const uses: Change[] = []
  for (const list of await provisioning.allowListsOf(template.name)) {
    const value = parameters.get(list.parameter)
    if (value === undefined) {
      throw provisioningFault('PROVISIONING_PARAMETER_MISSING', { parameter: quoted(list.parameter) })
    }
    const allowed = await provisioning.allowedValue(list.name, value)
    if (allowed === undefined) throw outside(list, value)
    const { usedBy } = allowed
    if (list.once && usedBy !== undefined && usedBy !== certificateId) {
      const isSame = ports.sameKey === 'replace' && hasKeyOf(certificate, await registry.certificate(usedBy), ports)
      if (!isSame) throw fleetFault('FLEET_CLAIM_EXHAUSTED', { list: list.name, value: quoted(value), usedBy })
      uses.push({ do: 'allow-values', list: list.name, values: [value] })
    }
    uses.push({ do: 'use-allowed-value', list: list.name, value, certificateId })
  }
  return uses
}

function hasKeyOf(one: CertificateRecord, other: CertificateRecord | undefined, { crypto }: FleetPorts): boolean {
  return other !== undefined && equalBytes(crypto.publicKeyOf(one.pem), crypto.publicKeyOf(other.pem))
}

function outside({ name, parameter }: AllowList, value: string): Error {
  return fleetFault('FLEET_OUTSIDE_ALLOW_LIST', { list: name, parameter, value: quoted(value) })
}

/** Asks the template's hook, if it has one, and gives the parameters with its overrides. */
async function askHook(
  template: TemplateRecord,
  parameters: Parameters,
  certificate: CertificateRecord,
  { scope, client }: FleetRequest,
  ports: FleetPorts,
): Promise<Parameters> {
  const hook = ports.hookOf(template)
  if (hook === undefined) return parameters
  if (ports.callHook === undefined) throw fleetFault('HOOK_FAILED', { hook, why: 'this server runs no functions' })
  const event = {
    claimCertificateId: client.certificateId ?? '',
    certificateId: certificate.id,
    certificatePem: certificate.pem,
    templateArn: templateArn(scope, template.name),
    clientId: client.clientId,
    parameters: Object.fromEntries(parameters),
  }
  const called = await ports.callHook(scope, hook, event, HOOK_TIME)
  if (called.outcome === 'slow') throw fleetFault('HOOK_SLOW', { hook, seconds: HOOK_TIME / 1000 })
  if (called.outcome === 'failed') throw fleetFault('HOOK_FAILED', { hook, why: called.why })
  return new Map([...parameters, ...overridesOf(hook, called.answer)])
}

/** Only `true` allows: a text, a missing member or another answer do not. */
function overridesOf(hook: string, answer: unknown): Parameters {
  const isRecord = typeof answer === 'object' && answer !== null
  if (!isRecord || !('allowProvisioning' in answer) || answer.allowProvisioning !== true) {
    throw fleetFault('HOOK_REFUSED', { hook, why: 'its answer has no allowProvisioning that is true' })
  }
  const overrides = 'parameterOverrides' in answer ? answer.parameterOverrides : undefined
  if (overrides === undefined || overrides === null) return new Map()
  const texts = textMap(overrides)
  if (texts === undefined)
    throw fleetFault('HOOK_FAILED', { hook, why: 'parameterOverrides must be an object of texts' })
  return texts
}

interface Wanted {
  readonly certificate: CertificateRecord
  readonly parameters: Parameters
  readonly spending: readonly Change[]
}

async function commitPlan(
  template: TemplateRecord,
  { certificate, parameters, spending }: Wanted,
  request: FleetRequest,
  ports: FleetPorts,
): Promise<ProvisioningPlan> {
  const registry = ports.registryOf(request.scope)
  const parsed = ports.templates.parsed(template.body, 'FLEET_PROVISIONING')
  const inputs: ProvisioningInputs = {
    parameters,
    certificate,
    subject: [],
    scope: request.scope,
    now: ports.clock.now(),
    uuid: () => uuidOf(ports.entropy),
    sha256: (content) => ports.crypto.sha256(content),
  }
  return commitProvisioning(registry, parsed, inputs, {
    ...(certificate.status === 'PENDING_ACTIVATION' && { certificate }),
    changes: async (existing) => {
      if (existing.certificate === undefined) throw unknownToken()
      const taken = existing.thing && (await takeThing(existing.thing.name, template, certificate, request, ports))
      return [...(taken ?? []), ...spending]
    },
    refusal: (change) => (change.do === 'use-offer' ? fleetFault('FLEET_TOKEN_SPENT') : undefined),
  })
}

/** A thing that has another certificate is never bound in silence. */
async function takeThing(
  thingName: string,
  template: TemplateRecord,
  certificate: CertificateRecord,
  { scope, client }: FleetRequest,
  { existingThings, sameKey, onTaken, registryOf, clock, crypto }: FleetPorts,
): Promise<readonly Change[]> {
  const registry = registryOf(scope)
  const same =
    sameKey === 'replace' ? await certificatesOfSameKey(registry, thingName, certificate, crypto.publicKeyOf) : []
  const principals = await registry.principalsOfThing(thingName)
  // A device that asks with the certificate of its thing replaces that itself, once its new one has connected.
  const own = [certificate.id, client.certificateId, ...same.map(({ id }) => id)]
  const others = principals.map((one) => one.certificateId).filter((id) => !own.includes(id))
  const replaced = retire(
    thingName,
    same.filter(({ id }) => id !== client.certificateId),
    clock.now(),
  )
  const [other] = others
  if (other === undefined) return replaced
  const { id: certificateId } = certificate
  onTaken?.({ scope, thingName, templateName: template.name, certificateId, others, client, outcome: existingThings })
  if (existingThings === 'refuse') throw fleetFault('FLEET_THING_TAKEN', { thing: thingName, other })
  if (existingThings === 'bind') return replaced
  const records = await Promise.all(others.map((id) => registry.certificate(id)))
  return [
    ...replaced,
    ...retire(
      thingName,
      records.filter((record) => record !== undefined),
      clock.now(),
    ),
  ]
}

/** How long a pre-provisioning hook may take (AWS IoT Core developer guide, Pre-provisioning hooks). */
const HOOK_TIME: Millis = seconds(5)
/** Longest token that is looked up, in characters; ours have 64. */
const TOKEN_CHARACTERS_MAX = 4096
