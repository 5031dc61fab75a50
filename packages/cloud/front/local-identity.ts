import { bindPolicies, parsePolicyDocument } from '@birthmark/cloud/policy'
import type { ScopedRegistry } from '@birthmark/cloud/registry'
import type { BoundIdentity } from './identity.ts'
import { type ConnectFacts, policyContext } from './policy-context.ts'

/** Who the clients of the listener without TLS are: they show nothing, so all of them are this one principal. */
export const LOCAL_PRINCIPAL = 'local'

/** The policy of the registry that binds them; create it to allow them less. */
export const LOCAL_POLICY = 'birthmark-local'

/** What binds them while the registry has no such policy: everything that MQTT clients may do. */
export const BUILT_IN_LOCAL_POLICY: string = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: ['iot:Connect', 'iot:Publish', 'iot:RetainPublish', 'iot:Subscribe', 'iot:Receive'],
      Resource: '*',
    },
  ],
})

/**
 * Binds what the clients of the listener without TLS may do to one of their connections.
 *
 * @throws `POLICY_MALFORMED`, faults of the store
 */
export async function bindLocal(
  registry: Pick<ScopedRegistry, 'policy' | 'scope'>,
  connection: { readonly accepted: ConnectFacts; readonly remoteAddress: string },
): Promise<{ readonly identity: BoundIdentity; readonly isBuiltIn: boolean }> {
  const own = await registry.policy(LOCAL_POLICY)
  const document = parsePolicyDocument(own?.document ?? BUILT_IN_LOCAL_POLICY)
  const context = policyContext({ ...connection, scope: registry.scope, certificate: undefined, thing: undefined })
  const identity = {
    policies: bindPolicies([{ name: LOCAL_POLICY, document }], context),
    policyNames: [LOCAL_POLICY],
    groupNames: [],
    thingName: undefined,
    exclusiveThingName: undefined,
  }
  return { identity, isBuiltIn: own === undefined }
}
