import type { ThingPrincipal } from '@birthmark/cloud/registry'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf, parseCertificateArn } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { requireThing } from './things.ts'

/** Which certificates belong to which thing. */
export const thingPrincipalOperations: Partial<Operations> = {
  async AttachThingPrincipal({ thingName, principal, thingPrincipalType }, call) {
    const certificateId = parseCertificateArn(call.registry.scope, principal)
    const exclusive = thingPrincipalType === 'EXCLUSIVE_THING'
    await commit(call, { do: 'attach-thing-principal', thingName, certificateId, exclusive })
    return {}
  },

  async DetachThingPrincipal({ thingName, principal }, call) {
    const certificateId = parseCertificateArn(call.registry.scope, principal)
    await requireThing(thingName, call)
    await commit(call, { do: 'detach-thing-principal', thingName, certificateId })
    return {}
  },

  async ListThingPrincipals({ thingName, ...input }, call) {
    const page = pageOf(await principalsOf(thingName, call), certificateOf, pageRequest(input))
    return {
      principals: page.rows.map((row) => arnOf(call.registry.scope, 'cert', row.certificateId)),
      nextToken: nextToken(page),
    }
  },

  async ListThingPrincipalsV2({ thingName, thingPrincipalType, ...input }, call) {
    const rows = (await principalsOf(thingName, call)).filter(ofType(thingPrincipalType))
    const page = pageOf(rows, certificateOf, pageRequest(input))
    const thingPrincipalObjects = page.rows.map((row) => ({
      principal: arnOf(call.registry.scope, 'cert', row.certificateId),
      thingPrincipalType: typeOf(row),
    }))
    return { thingPrincipalObjects, nextToken: nextToken(page) }
  },

  async ListPrincipalThings({ principal, ...input }, call) {
    const page = pageOf(await thingsOf(principal, call), ({ thingName }) => thingName, pageRequest(input))
    return { things: page.rows.map(({ thingName }) => thingName), nextToken: nextToken(page) }
  },

  async ListPrincipalThingsV2({ principal, thingPrincipalType, ...input }, call) {
    const rows = (await thingsOf(principal, call)).filter(ofType(thingPrincipalType))
    const page = pageOf(rows, ({ thingName }) => thingName, pageRequest(input))
    const principalThingObjects = page.rows.map((row) => ({
      thingName: row.thingName,
      thingPrincipalType: typeOf(row),
    }))
    return { principalThingObjects, nextToken: nextToken(page) }
  },
}

async function principalsOf(thingName: string, call: Call): Promise<readonly ThingPrincipal[]> {
  await requireThing(thingName, call)
  return call.registry.principalsOfThing(thingName)
}

async function thingsOf(arn: string, { registry }: Call): Promise<readonly ThingPrincipal[]> {
  return registry.thingsOfPrincipal(parseCertificateArn(registry.scope, arn))
}

function certificateOf({ certificateId }: ThingPrincipal): string {
  return certificateId
}

function typeOf({ exclusive }: ThingPrincipal): 'EXCLUSIVE_THING' | 'NON_EXCLUSIVE_THING' {
  return exclusive ? 'EXCLUSIVE_THING' : 'NON_EXCLUSIVE_THING'
}

function ofType(wanted: string | undefined): (row: ThingPrincipal) => boolean {
  return (row) => wanted === undefined || typeOf(row) === wanted
}
