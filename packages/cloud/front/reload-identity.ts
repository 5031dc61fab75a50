import type { Principal } from './admission.ts'
import { type AttemptCause } from './attempt.ts'
import { attemptCause } from './attempt-causes.ts'
import { bindGrant } from './authorized-client.ts'
import { ClientCertificate } from './client-certificate.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import type { BoundIdentity } from './identity.ts'
import { bindKey } from './key-identity.ts'
import { revocationCause } from './live-connections.ts'
import { bindLocal } from './local-identity.ts'
import type { ConnectFacts } from './policy-context.ts'

/** What binds a connection now, or why it may not go on. */
export type Reloaded =
  | { readonly ok: true; readonly identity: BoundIdentity }
  | { readonly ok: false; readonly cause: AttemptCause }

/** Loads anew who a connection is and what it may do. @throws `POLICY_MALFORMED`, faults of the store */
export async function reloadIdentity(
  principal: Principal,
  connection: { readonly accepted: ConnectFacts; readonly remoteAddress: string },
  { identities, keys, registry }: Pick<ConnectionPorts, 'identities' | 'keys' | 'registry'>,
): Promise<Reloaded> {
  if (principal.kind === 'access-key') {
    const identity = await bindKey(principal.key, keys, connection)
    if (identity !== undefined) return { ok: true, identity }
    return {
      ok: false,
      cause: attemptCause('SIGNATURE_REFUSED', { why: `the access key ${principal.id} was revoked` }),
    }
  }
  if (principal.kind === 'authorizer') {
    return { ok: true, identity: bindGrant(principal.client.grant, { ...connection, scope: registry.scope }) }
  }
  if (principal.kind === 'local') return { ok: true, identity: (await bindLocal(registry, connection)).identity }
  const { id } = principal
  const record = await registry.certificate(id)
  if (record?.status !== 'ACTIVE') {
    return { ok: false, cause: revocationCause({ certificateId: id, status: record?.status ?? 'deleted' }) }
  }
  const certificate = new ClientCertificate(id, record.pem)
  return { ok: true, identity: await identities.bind({ certificate, ...connection }) }
}
