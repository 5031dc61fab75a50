import { ClientCertificate, Identities } from '@birthmark/cloud/front'
import { type AccessRequest, bindPolicies, type StatementRef } from '@birthmark/cloud/policy'
import type { CertificateRecord, PageRequest, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'

/** What is asked about the fleet. */
interface WhoCanQuestion {
  readonly request: AccessRequest
  /** What all connections are like; without a client id each device has the name of its thing. */
  readonly connection: Omit<Parameters<Identities['load']>[0], 'certificate'> & {
    readonly clientId: string | undefined
  }
  readonly page: PageRequest
  readonly now: Instant
}

/** A device that may. */
interface AllowedPrincipal {
  readonly certificateId: string
  readonly clientId: string | undefined
  readonly thingName: string | undefined
  readonly allowedBy: StatementRef
  /** Whether its policies let it connect at all; absent when its client id is not known. */
  readonly mayConnect: boolean | undefined
}

/** A part of the fleet that may, and where the rest begins. */
interface WhoCanAnswer {
  readonly principals: readonly AllowedPrincipal[]
  readonly examined: number
  readonly next: string | undefined
}

/**
 * Asks the policies of each certificate of a page that could connect now: ACTIVE, and valid. The engine, the variables
 * and the policies of groups are those of a connection.
 */
export async function whoCan(registry: ScopedRegistry, question: WhoCanQuestion): Promise<WhoCanAnswer> {
  const { rows, next } = await registry.certificates(question.page)
  const identities = new Identities(registry)
  const principals: AllowedPrincipal[] = []
  for (const row of rows) {
    if (row.status !== 'ACTIVE' || question.now < row.notBefore || question.now > row.notAfter) continue
    for (const clientId of await clientIdsOf(row, registry, question)) {
      const allowed = await judge(row, clientId, identities, registry, question)
      if (allowed !== undefined) principals.push(allowed)
    }
  }
  return { principals, examined: rows.length, next }
}

/** The client ids that a device could have: the one that is asked about, else the names of its things. */
async function clientIdsOf(
  { id }: CertificateRecord,
  registry: ScopedRegistry,
  { request, connection }: WhoCanQuestion,
): Promise<readonly (string | undefined)[]> {
  if (connection.clientId !== undefined) return [connection.clientId]
  const asked =
    request.action === 'iot:Connect' ? /^[^:]*(?::[^:]*){4}:client\/(.+)$/.exec(request.resource)?.[1] : undefined
  if (asked !== undefined) return [asked]
  const things = await registry.thingsOfPrincipal(id)
  return things.length === 0 ? [undefined] : things.map(({ thingName }) => thingName)
}

async function judge(
  { id, pem }: CertificateRecord,
  clientId: string | undefined,
  identities: Identities,
  { scope: { account, region } }: ScopedRegistry,
  { request, connection }: WhoCanQuestion,
): Promise<AllowedPrincipal | undefined> {
  const accepted = { ...connection.accepted, clientId }
  const { policies, context, thingName } = await identities.load({
    certificate: new ClientCertificate(id, pem),
    accepted,
    remoteAddress: connection.remoteAddress,
  })
  const bound = bindPolicies(policies, context)
  const decision = bound.decide(request)
  if (decision.effect === 'deny') return undefined
  const connect = { action: 'iot:Connect', resource: `arn:aws:iot:${region}:${account}:client/${clientId}` } as const
  const mayConnect = clientId === undefined ? undefined : bound.decide(connect).effect === 'allow'
  return { certificateId: id, clientId, thingName, allowedBy: decision.by, mayConnect }
}
