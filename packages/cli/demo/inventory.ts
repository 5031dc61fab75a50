import {
  DescribeCertificateCommand,
  type IoTClient,
  ListAttachedPoliciesCommand,
  ListThingPrincipalsCommand,
  paginateListCertificatesByCA,
  paginateListThings,
} from '@aws-sdk/client-iot'
import { type CloudAccess, callCloud } from '../cloud-client.ts'
import { demoFault } from './faults.ts'

/** What a registry holds, read back through AWS's own client. */
export interface Inventory {
  readonly things: number
  readonly certificates: number
  readonly activeCertificates: number
  readonly policyAttachments: number
}

/**
 * Reads back what the job made and checks it: one thing, one active certificate and one policy for each device.
 *
 * @param names The things that must be there, each once.
 * @throws `DEMO_REGISTRY_WRONG`, `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`
 */
export async function takeInventory(
  client: IoTClient,
  access: CloudAccess,
  caId: string,
  names: readonly string[],
): Promise<Inventory> {
  const things = await callCloud(access, 'ListThings', () => listThings(client))
  const certificates = await callCloud(access, 'ListCertificatesByCA', () => listCertificates(client, caId))
  for (const name of names) {
    const count = things.filter((thing) => thing === name).length
    if (count !== 1) throw wrong(`the thing ${name} is there ${count} times`)
  }
  let policyAttachments = 0
  for (const name of names) policyAttachments += await checkDevice(client, access, name)
  const activeCertificates = certificates.filter((status) => status === 'ACTIVE').length
  if (activeCertificates !== names.length)
    throw wrong(`${activeCertificates} of ${names.length} certificates are ACTIVE`)
  return { things: things.length, certificates: certificates.length, activeCertificates, policyAttachments }
}

async function listThings(client: IoTClient): Promise<readonly string[]> {
  const names: string[] = []
  for await (const page of paginateListThings({ client, pageSize: PAGE }, {})) {
    for (const { thingName } of page.things ?? []) if (thingName !== undefined) names.push(thingName)
  }
  return names
}

async function listCertificates(client: IoTClient, caCertificateId: string): Promise<readonly string[]> {
  const statuses: string[] = []
  for await (const page of paginateListCertificatesByCA({ client, pageSize: PAGE }, { caCertificateId })) {
    for (const { status } of page.certificates ?? []) statuses.push(status ?? 'unknown')
  }
  return statuses
}

/** Gives the number of policies of a thing's one certificate. */
async function checkDevice(client: IoTClient, access: CloudAccess, thingName: string): Promise<number> {
  const { principals = [] } = await callCloud(access, 'ListThingPrincipals', () =>
    client.send(new ListThingPrincipalsCommand({ thingName })),
  )
  const [target] = principals
  if (principals.length !== 1 || target === undefined) throw wrong(`${thingName} has ${principals.length} certificates`)
  const certificateId = target.slice(target.indexOf('/') + 1)
  const { certificateDescription } = await callCloud(access, 'DescribeCertificate', () =>
    client.send(new DescribeCertificateCommand({ certificateId })),
  )
  if (certificateDescription?.status !== 'ACTIVE') {
    throw wrong(`the certificate of ${thingName} is ${certificateDescription?.status}`)
  }
  const { policies = [] } = await callCloud(access, 'ListAttachedPolicies', () =>
    client.send(new ListAttachedPoliciesCommand({ target })),
  )
  if (policies.length !== 1) throw wrong(`the certificate of ${thingName} has ${policies.length} policies`)
  return policies.length
}

function wrong(what: string): Error {
  return demoFault('DEMO_REGISTRY_WRONG', { what })
}

/** The largest page that the operations give. */
const PAGE = 250
