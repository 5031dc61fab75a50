/** Policies and a connection for the tests of this room. */
import {
  bindPolicies,
  type Decision,
  explainDecision,
  type PolicyAction,
  type PolicyContext,
  parsePolicyDocument,
} from '../index.ts'

/** What every resource of the tests begins with. */
export const ARN = 'arn:aws:iot:eu-west-1:123456789012:'

/** A device that is attached to the thing of its client id. */
export const CONTEXT: PolicyContext = {
  clientId: 'press-7',
  sourceIp: '192.0.2.17',
  certificateId: 'ab'.repeat(32),
  thing: { name: 'press-7', typeName: 'press', attributes: { site: 'north', wild: 'a*' } },
  certificate: {
    subject: {
      CommonName: ['press-7'],
      Organization: ['Acme', 'Birth, Inc.'],
      OrganizationalUnit: ['one', 'two', 'three', 'four', 'five', 'six'],
      Title: ['*'],
      Surname: ['s'.repeat(1025)],
    },
    issuer: { CommonName: ['Line 3'] },
    subjectAlternativeName: { DNSName: ['press-7.example'] },
    issuerAlternativeName: {},
    serialNumber: '0a',
  },
  connectAttributes: [],
  lastWillTopic: undefined,
}

/** The same device without a thing. */
export const UNATTACHED: PolicyContext = { ...CONTEXT, thing: undefined }

/** Holds for a device with a thing. */
export const ATTACHED = { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } } as const
/** The variable of the thing's name. */
export const THING = '${iot:Connection.Thing.ThingName}'

/** Asks to publish. */
export function ask(resource: string): { action: PolicyAction; resource: string } {
  return { action: 'iot:Publish', resource: ARN + resource }
}

/** Explains a decision about publishing. */
export function explain(decision: Decision, resource: string): string {
  return explainDecision(decision, ask(resource))
}

/** Binds and decides at once. */
export function decide(
  policies: readonly (readonly object[])[],
  action: PolicyAction,
  resource: string,
  context: PolicyContext = CONTEXT,
): Decision {
  return bind(policies, context).decide({ action, resource: ARN + resource })
}

/** Binds policies `p0`, `p1`, … of version 2012-10-17. */
export function bind(
  policies: readonly (readonly object[])[],
  context: PolicyContext,
): ReturnType<typeof bindPolicies> {
  const named = policies.map((statements, index) => {
    const text = JSON.stringify({ Version: '2012-10-17', Statement: statements })
    return { name: `p${index}`, document: parsePolicyDocument(text) }
  })
  return bindPolicies(named, context)
}

/** Names the outcome of a decision: `allow`, `explicit-deny`, why the first near miss missed, or `nothing`. */
export function outcome(decision: Decision): string {
  if (decision.effect === 'allow') return 'allow'
  return decision.why === 'explicit-deny' ? decision.why : (decision.near[0]?.because ?? 'nothing')
}

/** Makes a statement that allows. */
export function allow(
  actions: string | readonly string[],
  resources: string | readonly string[],
  condition?: object,
): object {
  return { Effect: 'Allow', Action: actions, Resource: resources, Condition: condition }
}
