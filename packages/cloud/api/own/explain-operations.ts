import { ClientCertificate, Identities, type PolicySources } from '@birthmark/cloud/front'
import { bindPolicies, checkPolicy, explainDecision, type PolicyAction } from '@birthmark/cloud/policy'
import type { CertificateId, Scope, ScopedRegistry } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import { parseCertificateId } from '../operations/arns.ts'
import type { Fields, Given } from './fields.ts'
import type { OwnOperation } from './operation.ts'
import { whoCan } from './who-can.ts'

/** What devices connect, publish, receive and subscribe with (AWS IoT developer guide, policy actions). */
const ACTIONS: readonly PolicyAction[] = [
  'iot:Connect',
  'iot:Publish',
  'iot:RetainPublish',
  'iot:Subscribe',
  'iot:Receive',
]

/** Most certificates that one request examines, about 50 ms of work; a larger `limit` is refused. */
const EXAMINED_MAX = 250
/** Certificates that are examined when `limit` is absent. */
const EXAMINED_DEFAULT = 100

/** Why a device may or may not, and which may. */
export const EXPLAIN_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadExplanation',
    method: 'GET',
    path: '/v1/explanations',
    summary: 'Says in words whether the policies of a certificate allow an action, and which statement decides.',
    changes: false,
    fields: {
      certificateId: { type: 'string', required: true, description: 'the certificate that the device connects with' },
      ...requestFields(),
      clientId: { type: 'string', description: 'the client id that it connects with' },
    },
    answers: {
      effect: 'allow or deny',
      explanation: 'a sentence or two for people',
      policies: 'the names of the policies that were looked at',
    },
    async perform({ given, registry }) {
      const request = requestOf(given, registry.scope)
      const id = parseCertificateId(given.text('certificateId') ?? '')
      const { policies, context } = await load(id, connectionOf(given), registry)
      const decision = bindPolicies(policies, context).decide(request)
      const names = policies.map(({ name }) => name)
      return { effect: decision.effect, explanation: explainDecision(decision, request), policies: names }
    },
  },
  {
    name: 'ReadWhoCan',
    method: 'GET',
    path: '/v1/who-can',
    summary: 'Says which devices of the fleet may do something, a part of the fleet at a time.',
    changes: false,
    fields: {
      ...requestFields(),
      clientId: { type: 'string', description: 'the client id that all connect with; else the names of their things' },
      limit: { type: 'integer', min: 1, max: EXAMINED_MAX, description: 'certificates to examine; 100 when absent' },
      after: { type: 'string', description: 'next of the answer before' },
    },
    answers: {
      principals: 'each with certificateId, clientId, thingName, allowedBy (policy, statement, sid) and mayConnect',
      examined: 'how many certificates were looked at',
      next: 'where to go on; absent at the end',
    },
    async perform({ given, registry, now }) {
      const after = given.text('after')
      const page = { limit: given.integer('limit') ?? EXAMINED_DEFAULT, ...(after === undefined ? {} : { after }) }
      const clientId = given.text('clientId')
      const connection = { ...connectionOf(given), clientId }
      return whoCan(registry, { request: requestOf(given, registry.scope), connection, page, now })
    },
  },
]

/** What is wrong with a policy. */
export const CHECK_POLICY: OwnOperation = {
  name: 'ReadPolicyFindings',
  method: 'POST',
  path: '/v1/policy-check',
  summary: 'Finds what is wrong with a policy document, and what looks like a mistake.',
  changes: false,
  fields: {
    document: { type: 'string', required: true, description: 'the document, at most 404,600 characters' },
    certificateId: { type: 'string', description: 'also find variables that have no value for this certificate' },
    clientId: { type: 'string', description: 'the client id that it connects with' },
  },
  answers: { findings: 'each with severity, code, line, column, path, message and remedy' },
  async perform({ given, registry }) {
    const named = given.text('certificateId')
    if (named === undefined) return { findings: checkPolicy(given.text('document') ?? '') }
    const { context } = await load(parseCertificateId(named), connectionOf(given), registry)
    return { findings: checkPolicy(given.text('document') ?? '', context) }
  },
}

async function load(
  id: CertificateId,
  connection: ReturnType<typeof connectionOf>,
  registry: ScopedRegistry,
): Promise<PolicySources> {
  const record = await registry.certificate(id)
  if (record === undefined) throw notFound(`The certificate does not exist (id=${id})`)
  return new Identities(registry).load({ certificate: new ClientCertificate(id, record.pem), ...connection })
}

/** What is wanted, and what the connection is like. */
function requestFields(): Fields {
  return {
    action: { type: 'string', required: true, values: ACTIONS, description: 'what it wants' },
    resource: { type: 'string', required: true, description: 'an ARN, or its end such as topic/dt/press-7' },
    sourceIp: { type: 'string', description: 'the address that it connects from' },
    persistent: { type: 'boolean', description: 'whether its session outlives the connection' },
    willTopic: { type: 'string', description: 'the topic of its will' },
  }
}

function requestOf(given: Given, { account, region }: Scope): { action: PolicyAction; resource: string } {
  const action = ACTIONS.find((known) => known === given.text('action'))
  if (action === undefined) throw invalidRequest(`action must be one of ${ACTIONS.join(', ')}.`)
  const named = given.text('resource') ?? ''
  return { action, resource: named.startsWith('arn:') ? named : `arn:aws:iot:${region}:${account}:${named}` }
}

function connectionOf(given: Given): Omit<Parameters<Identities['load']>[0], 'certificate'> {
  const topic = given.text('willTopic')
  const will = topic === undefined ? undefined : { topic }
  return {
    accepted: { clientId: given.text('clientId'), will, wishedPersistence: given.flag('persistent') },
    remoteAddress: given.text('sourceIp'),
  }
}
