import { ClientCertificate, Identities } from '@birthmark/cloud/front'
import { bindPolicies, explainDecision, type PolicyAction } from '@birthmark/cloud/policy'
import { invalidRequest, notFound } from '../exceptions.ts'
import { parseCertificateId } from '../operations/arns.ts'
import type { OwnOperation } from './operation.ts'

/** What devices connect, publish, receive and subscribe with (AWS IoT developer guide, policy actions). */
const ACTIONS: readonly PolicyAction[] = [
  'iot:Connect',
  'iot:Publish',
  'iot:RetainPublish',
  'iot:Subscribe',
  'iot:Receive',
]

/** Why a device may or may not. */
export const EXPLAIN_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadExplanation',
    method: 'GET',
    path: '/v1/explanations',
    summary: 'Says in words whether the policies of a certificate allow an action, and which statement decides.',
    changes: false,
    fields: {
      certificateId: { type: 'string', required: true, description: 'the certificate that the device connects with' },
      action: { type: 'string', required: true, values: ACTIONS, description: 'what it wants' },
      resource: { type: 'string', required: true, description: 'an ARN, or its end such as topic/dt/press-7' },
      clientId: { type: 'string', description: 'the client id that it connects with' },
      sourceIp: { type: 'string', description: 'the address that it connects from' },
    },
    answers: {
      effect: 'allow or deny',
      explanation: 'a sentence or two for people',
      policies: 'the names of the policies that were looked at',
    },
    async perform({ given, registry }) {
      const action = ACTIONS.find((known) => known === given.text('action'))
      if (action === undefined) throw invalidRequest(`action must be one of ${ACTIONS.join(', ')}.`)
      const id = parseCertificateId(given.text('certificateId') ?? '')
      const record = await registry.certificate(id)
      if (record === undefined) throw notFound(`The certificate does not exist (id=${id})`)
      const { policies, context } = await new Identities(registry).load({
        certificate: new ClientCertificate(id, record.pem),
        accepted: { clientId: given.text('clientId'), will: undefined, wishedPersistence: false },
        remoteAddress: given.text('sourceIp'),
      })
      const { account, region } = registry.scope
      const named = given.text('resource') ?? ''
      const resource = named.startsWith('arn:') ? named : `arn:aws:iot:${region}:${account}:${named}`
      const request = { action, resource }
      const decision = bindPolicies(policies, context).decide(request)
      const names = policies.map(({ name }) => name)
      return { effect: decision.effect, explanation: explainDecision(decision, request), policies: names }
    },
  },
]
