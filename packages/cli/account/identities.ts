import {
  AddThingToBillingGroupCommand,
  AddThingToThingGroupCommand,
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateThingCommand,
  DescribeCACertificateCommand,
  DescribeCertificateCommand,
  DescribeThingCommand,
  type IoTClient,
  paginateListCACertificates,
  paginateListCertificates,
  paginateListThingGroupsForThing,
  paginateListThingPrincipalsV2,
  paginateListThings,
  RegisterCACertificateCommand,
  RegisterCertificateCommand,
  RegisterCertificateWithoutCACommand,
  UpdateCACertificateCommand,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'
import { dynamicGroupNames, policiesOn } from './catalog.ts'
import {
  type Content,
  contentsOf,
  type Family,
  idInArn,
  inputFrom,
  PAGE,
  sorted,
  tag,
  tagsOf,
  textOf,
  textsOf,
} from './record.ts'

/**
 * Registered CAs. One of mode DEFAULT is registered by its owner's proof alone, which no export holds: making it is
 * refused, with what has to be done.
 */
export const authorities: Family = {
  kind: 'ca',
  async *read(client) {
    for await (const { certificates = [] } of paginateListCACertificates({ client, pageSize: PAGE }, {})) {
      for (const { certificateId = '' } of certificates) {
        const found = await client.send(new DescribeCACertificateCommand({ certificateId }))
        const { certificatePem, status, autoRegistrationStatus, certificateMode, certificateArn } =
          found.certificateDescription ?? {}
        const { registrationConfig } = found
        const described = { certificatePem, status, autoRegistrationStatus, certificateMode, registrationConfig }
        yield [certificateId, { ...described, ...(await tagsOf(client, certificateArn)) }]
      }
    }
  },
  async make(client, name, content) {
    if (content['certificateMode'] !== 'SNI_ONLY') {
      throw new TypeError(`its owner must prove possession first: 'birthmark ca prove', then run the command again`)
    }
    const { status, autoRegistrationStatus, tags: _, certificatePem, ...described } = content
    const input = inputFrom<ConstructorParameters<typeof RegisterCACertificateCommand>[0]>(described)
    const made = await client.send(
      new RegisterCACertificateCommand({
        ...input,
        caCertificate: textOf(certificatePem),
        setAsActive: status === 'ACTIVE',
      }),
    )
    if (autoRegistrationStatus === 'ENABLE') {
      await client.send(new UpdateCACertificateCommand({ certificateId: name, newAutoRegistrationStatus: 'ENABLE' }))
    }
    await tag(client, made.certificateArn, content)
  },
}

/** Device certificates, with the CA that they came from and the policies on them. */
export const certificates: Family = {
  kind: 'certificate',
  async *read(client) {
    for await (const { certificates: found = [] } of paginateListCertificates({ client, pageSize: PAGE }, {})) {
      yield* inParallel(found, async ({ certificateId = '' }) => {
        const { certificateDescription } = await client.send(new DescribeCertificateCommand({ certificateId }))
        const { certificateArn, certificatePem, status, caCertificateId } = certificateDescription ?? {}
        const policies = await policiesOn(client, certificateArn)
        return [certificateId, { pem: certificatePem, status, ca: caCertificateId, policies }] as const
      })
    }
  },
  async make(client, name, content) {
    const certificatePem = textOf(content['pem'])
    const ca = await caOf(client, textOf(content['ca']))
    const active = content['status'] === 'ACTIVE' ? 'ACTIVE' : 'INACTIVE'
    const made =
      ca === undefined
        ? await client.send(new RegisterCertificateWithoutCACommand({ certificatePem, status: active }))
        : await client.send(new RegisterCertificateCommand({ certificatePem, caCertificatePem: ca, status: active }))
    if (content['status'] === 'REVOKED') {
      await client.send(new UpdateCertificateCommand({ certificateId: name, newStatus: 'REVOKED' }))
    }
    for (const policyName of textsOf(content['policies'])) {
      await client.send(new AttachPolicyCommand({ policyName, target: made.certificateArn }))
    }
  },
}

/** Gives the CA's certificate when the account has it; then a certificate of it is registered as such. */
async function caOf(client: IoTClient, certificateId: string): Promise<string | undefined> {
  if (certificateId === '') return undefined
  const found = await client.send(new DescribeCACertificateCommand({ certificateId })).catch(() => undefined)
  return found?.certificateDescription?.certificatePem
}

/** Things with their type, attributes, groups and certificates. */
export const things: Family = {
  kind: 'thing',
  async *read(client) {
    const dynamic = await dynamicGroupNames(client)
    for await (const { things: found = [] } of paginateListThings({ client, pageSize: PAGE }, {})) {
      yield* inParallel(
        found,
        async ({ thingName = '' }) => [thingName, await describeThing(client, thingName, dynamic)] as const,
      )
    }
  },
  async make(client, thingName, content) {
    const { certificates: attached, groups, billingGroup, attributes, type } = content
    // A thing that is made is left alone from then on: its certificates must be there before.
    const principals = await Promise.all(
      contentsOf(attached).map(async ({ id, isExclusive }) => {
        const found = await client.send(new DescribeCertificateCommand({ certificateId: textOf(id) }))
        return { principal: found.certificateDescription?.certificateArn, isExclusive }
      }),
    )
    await client.send(
      new CreateThingCommand({
        thingName,
        attributePayload: { attributes: inputFrom<Record<string, string>>({ ...Object(attributes) }) },
        ...(typeof type === 'string' ? { thingTypeName: type } : {}),
      }),
    )
    for (const { principal, isExclusive } of principals) {
      await client.send(
        new AttachThingPrincipalCommand({
          thingName,
          principal,
          ...(isExclusive === true ? { thingPrincipalType: 'EXCLUSIVE_THING' } : {}),
        }),
      )
    }
    for (const thingGroupName of textsOf(groups)) {
      await client.send(new AddThingToThingGroupCommand({ thingName, thingGroupName }))
    }
    if (typeof billingGroup === 'string') {
      await client.send(new AddThingToBillingGroupCommand({ thingName, billingGroupName: billingGroup }))
    }
  },
}

async function describeThing(client: IoTClient, thingName: string, dynamic: ReadonlySet<string>): Promise<Content> {
  const {
    thingTypeName,
    attributes = {},
    billingGroupName,
  } = await client.send(new DescribeThingCommand({ thingName }))
  const attached: { readonly id: string; readonly isExclusive: boolean }[] = []
  for await (const page of paginateListThingPrincipalsV2({ client }, { thingName })) {
    for (const { principal = '', thingPrincipalType } of page.thingPrincipalObjects ?? []) {
      attached.push({ id: idInArn(principal), isExclusive: thingPrincipalType === 'EXCLUSIVE_THING' })
    }
  }
  const groups: string[] = []
  for await (const page of paginateListThingGroupsForThing({ client }, { thingName })) {
    const names = (page.thingGroups ?? []).map(({ groupName }) => textOf(groupName))
    groups.push(...names.filter((name) => !dynamic.has(name)))
  }
  return {
    type: thingTypeName,
    attributes: sorted(attributes),
    certificates: attached.toSorted((left, right) => (left.id < right.id ? -1 : 1)),
    ...(groups.length > 0 && { groups: groups.toSorted() }),
    billingGroup: billingGroupName,
  }
}

/** Asks for several at a time and gives the answers in order. */
async function* inParallel<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): AsyncGenerator<Answer> {
  for (let at = 0; at < items.length; at += AT_A_TIME)
    yield* await Promise.all(items.slice(at, at + AT_A_TIME).map(ask))
}

/** Records that are asked for at a time: the clients of AWS open 50 connections at most. */
const AT_A_TIME = 16
