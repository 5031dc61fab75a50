import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreatePolicyCommand,
  CreateProvisioningTemplateCommand,
  CreateThingCommand,
  DescribeCertificateCommand,
  DescribeProvisioningTemplateCommand,
  GetPolicyCommand,
  type IoTClient,
  ListAttachedPoliciesCommand,
  ListThingPrincipalsCommand,
  paginateListCertificates,
  paginateListPolicies,
  paginateListProvisioningTemplates,
  paginateListThings,
  RegisterCertificateWithoutCACommand,
} from '@aws-sdk/client-iot'

/** One line of an account's export: what it is, its name, and what it is made of. */
export interface AccountRecord {
  readonly kind: 'policy' | 'template' | 'certificate' | 'thing'
  /** A name; of a certificate its id, which is its fingerprint and the same everywhere. */
  readonly name: string
  readonly content: Readonly<Record<string, unknown>>
}

/**
 * Reads an account by AWS IoT's own operations, so also one at AWS. What others refer to comes first. No record holds a
 * secret; moments, version numbers and ids that the cloud chooses are left out, for they differ between accounts.
 */
export async function* readAccount(client: IoTClient): AsyncGenerator<AccountRecord> {
  for await (const { policies = [] } of paginateListPolicies({ client, pageSize: PAGE }, {})) {
    for (const { policyName: name = '' } of policies) {
      const { policyDocument } = await client.send(new GetPolicyCommand({ policyName: name }))
      yield { kind: 'policy', name, content: { document: policyDocument } }
    }
  }
  for await (const { templates = [] } of paginateListProvisioningTemplates({ client, pageSize: PAGE }, {})) {
    for (const { templateName: name = '' } of templates) yield await readTemplate(client, name)
  }
  for await (const { certificates = [] } of paginateListCertificates({ client, pageSize: PAGE }, {})) {
    for (const { certificateId = '' } of certificates) yield await readCertificate(client, certificateId)
  }
  for await (const { things = [] } of paginateListThings({ client, pageSize: PAGE }, {})) {
    for (const { thingName: name = '', thingTypeName, attributes } of things) {
      const { principals = [] } = await client.send(new ListThingPrincipalsCommand({ thingName: name }))
      const certificates = principals.map(idInArn).toSorted()
      yield {
        kind: 'thing',
        name,
        content: { type: thingTypeName, attributes: sorted(attributes ?? {}), certificates },
      }
    }
  }
}

async function readTemplate(client: IoTClient, templateName: string): Promise<AccountRecord> {
  const found = await client.send(new DescribeProvisioningTemplateCommand({ templateName }))
  const { templateBody, type, description, enabled, provisioningRoleArn } = found
  const content = { body: templateBody, type, description, enabled, roleArn: provisioningRoleArn }
  return { kind: 'template', name: templateName, content }
}

async function readCertificate(client: IoTClient, certificateId: string): Promise<AccountRecord> {
  const { certificateDescription } = await client.send(new DescribeCertificateCommand({ certificateId }))
  const { certificateArn: target, certificatePem, status } = certificateDescription ?? {}
  const { policies = [] } = await client.send(new ListAttachedPoliciesCommand({ target }))
  const names = policies.map(({ policyName = '' }) => policyName).toSorted()
  return { kind: 'certificate', name: certificateId, content: { pem: certificatePem, status, policies: names } }
}

/** Makes what a record says, which is not there yet. @throws the exceptions of AWS's own client */
export async function makeRecord(client: IoTClient, { kind, name, content }: AccountRecord): Promise<void> {
  switch (kind) {
    case 'policy':
      await client.send(new CreatePolicyCommand({ policyName: name, policyDocument: textOf(content['document']) }))
      return
    case 'template':
      await client.send(
        new CreateProvisioningTemplateCommand({
          templateName: name,
          templateBody: textOf(content['body']),
          type: content['type'] === 'JITP' ? 'JITP' : 'FLEET_PROVISIONING',
          description: textOf(content['description']),
          enabled: content['enabled'] === true,
          provisioningRoleArn: textOf(content['roleArn']),
        }),
      )
      return
    case 'certificate':
      return makeCertificate(client, content)
    case 'thing':
      return makeThing(client, name, content)
  }
}

async function makeCertificate(client: IoTClient, content: AccountRecord['content']): Promise<void> {
  const status = STATUSES.find((known) => known === content['status']) ?? 'INACTIVE'
  const certificatePem = textOf(content['pem'])
  const made = await client.send(new RegisterCertificateWithoutCACommand({ certificatePem, status }))
  for (const policyName of textsOf(content['policies'])) {
    await client.send(new AttachPolicyCommand({ policyName, target: made.certificateArn }))
  }
}

async function makeThing(client: IoTClient, thingName: string, content: AccountRecord['content']): Promise<void> {
  const type = content['type']
  const attributes = Object.entries({ ...Object(content['attributes']) }).map(([key, value]) => [key, String(value)])
  await client.send(
    new CreateThingCommand({
      thingName,
      attributePayload: { attributes: Object.fromEntries(attributes) },
      ...(typeof type === 'string' ? { thingTypeName: type } : {}),
    }),
  )
  for (const certificateId of textsOf(content['certificates'])) {
    const { certificateDescription } = await client.send(new DescribeCertificateCommand({ certificateId }))
    const principal = certificateDescription?.certificateArn
    await client.send(new AttachThingPrincipalCommand({ thingName, principal }))
  }
}

function idInArn(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

function sorted(members: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(members).toSorted(([left], [right]) => (left < right ? -1 : 1)))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

const STATUSES = ['ACTIVE', 'INACTIVE', 'REVOKED'] as const
/** Rows that one page asks for: the most that AWS IoT gives. */
const PAGE = 250
