import { bindPolicies, parsePolicyDocument } from '@birthmark/cloud/policy'
import type { AccessKeyRecord, Scope } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import type { BoundIdentity } from './identity.ts'
import { type ConnectFacts, policyContext } from './policy-context.ts'

/** The access key that signed the opening request of a WebSocket (SigV4): the principal of its connection. */
export interface SignedKey {
  readonly id: string
  /** The account that owns the key, and the region that the signature is for. */
  readonly scope: Scope
  /** When a temporary key ends. */
  readonly expiresAt: Instant | undefined
}

/** Finds access keys of any account. */
export interface KeyReads {
  accessKey(id: string): Promise<{ readonly key: AccessKeyRecord; readonly scope: Scope } | undefined>
}

/**
 * Binds what a key may do to a connection, as policies of certificates are bound; `undefined` when the key was revoked.
 *
 * @throws `POLICY_MALFORMED`, faults of the store
 */
export async function bindKey(
  { id, scope }: SignedKey,
  keys: KeyReads,
  connection: { readonly accepted: ConnectFacts; readonly remoteAddress: string },
): Promise<BoundIdentity | undefined> {
  const found = await keys.accessKey(id)
  if (found === undefined) return undefined
  const { name, permissions } = found.key
  const document = parsePolicyDocument(permissions)
  const context = policyContext({ ...connection, scope, certificate: undefined, thing: undefined })
  const policyName = `permissions of the key ${name}`
  return {
    policies: bindPolicies([{ name: policyName, document }], context),
    policyNames: [policyName],
    groupNames: [],
    thingName: undefined,
    exclusiveThingName: undefined,
  }
}
