import { readFileSync } from 'node:fs'
import {
  CreatePolicyCommand,
  CreateThingCommand,
  DeleteCertificateCommand,
  DeletePolicyCommand,
  DeleteProvisioningTemplateCommand,
  DeleteThingCommand,
  DescribeCACertificateCommand,
  DescribeCertificateCommand,
  DescribeProvisioningTemplateCommand,
  DescribeThingCommand,
  GetPolicyCommand,
  type IoTClient,
  ListThingPrincipalsCommand,
  paginateListCACertificates,
  paginateListCertificates,
  paginateListPolicies,
  paginateListProvisioningTemplates,
  paginateListThings,
  UpdateCertificateCommand,
} from '@aws-sdk/client-iot'
import { asFileFault } from '@birthmark/foundation/system'
import type { Act, Family, Shown } from './inventory.ts'

/** What the account holds, by family. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'things',
    one: 'thing',
    id: 'thing-name',
    columns: { thingName: 'Thing', thingTypeName: 'Type', version: 'Version', attributes: 'Attributes' },
    async *list(client) {
      for await (const page of paginateListThings({ client, pageSize: PAGE }, {})) yield* rows(page.things)
    },
    async show(client, thingName) {
      const thing = await client.send(new DescribeThingCommand({ thingName }))
      const { principals } = await client.send(new ListThingPrincipalsCommand({ thingName }))
      return { ...plain(thing), principals }
    },
    acts: {
      create: {
        description: 'Make a thing.',
        done: 'made',
        perform: (client, thingName) => client.send(new CreateThingCommand({ thingName })),
      },
      delete: {
        description: 'Delete a thing that no certificate is attached to.',
        done: 'deleted',
        perform: (client, thingName) => client.send(new DeleteThingCommand({ thingName })),
      },
    },
  },
  {
    name: 'certs',
    one: 'certificate',
    id: 'certificate-id',
    columns: { certificateId: 'Certificate', status: 'Status', creationDate: 'Registered' },
    async *list(client) {
      for await (const page of paginateListCertificates({ client, pageSize: PAGE }, {})) yield* rows(page.certificates)
    },
    async show(client, certificateId) {
      const answer = await client.send(new DescribeCertificateCommand({ certificateId }))
      return plain(answer.certificateDescription ?? {})
    },
    acts: {
      activate: statusAct('ACTIVE', 'Let its device connect.', 'active'),
      deactivate: statusAct('INACTIVE', 'Keep its device away until it is activated again.', 'inactive'),
      revoke: statusAct('REVOKED', 'Keep its device away for good.', 'revoked'),
      delete: {
        description: 'Delete a certificate that is not active and attached to nothing.',
        done: 'deleted',
        perform: (client, certificateId) => client.send(new DeleteCertificateCommand({ certificateId })),
      },
    },
  },
  {
    name: 'cas',
    one: 'CA',
    id: 'certificate-id',
    columns: { certificateId: 'CA', status: 'Status', creationDate: 'Registered' },
    async *list(client) {
      for await (const page of paginateListCACertificates({ client, pageSize: PAGE }, {}))
        yield* rows(page.certificates)
    },
    async show(client, certificateId) {
      const { certificateDescription, registrationConfig } = await client.send(
        new DescribeCACertificateCommand({ certificateId }),
      )
      return { ...plain(certificateDescription ?? {}), ...(registrationConfig && { registrationConfig }) }
    },
    acts: {},
  },
  {
    name: 'policies',
    one: 'policy',
    id: 'policy-name',
    columns: { policyName: 'Policy', policyArn: 'ARN' },
    async *list(client) {
      for await (const page of paginateListPolicies({ client, pageSize: PAGE }, {})) yield* rows(page.policies)
    },
    show: async (client, policyName) => plain(await client.send(new GetPolicyCommand({ policyName }))),
    acts: {
      create: {
        description: 'Make a policy from a document.',
        done: 'made',
        file: 'the policy document',
        perform: (client, policyName, file) =>
          client.send(new CreatePolicyCommand({ policyName, policyDocument: readDocument(file) })),
      },
      delete: {
        description: 'Delete a policy that is attached to nothing and has one version.',
        done: 'deleted',
        perform: (client, policyName) => client.send(new DeletePolicyCommand({ policyName })),
      },
    },
  },
  {
    name: 'templates',
    one: 'template',
    id: 'template-name',
    columns: { templateName: 'Template', type: 'Type', enabled: 'Enabled', lastModifiedDate: 'Changed' },
    async *list(client) {
      for await (const page of paginateListProvisioningTemplates({ client, pageSize: PAGE }, {})) {
        yield* rows(page.templates)
      }
    },
    show: async (client, templateName) =>
      plain(await client.send(new DescribeProvisioningTemplateCommand({ templateName }))),
    acts: {
      delete: {
        description: 'Delete a provisioning template.',
        done: 'deleted',
        perform: (client, templateName) => client.send(new DeleteProvisioningTemplateCommand({ templateName })),
      },
    },
  },
]

function statusAct(newStatus: 'ACTIVE' | 'INACTIVE' | 'REVOKED', description: string, done: string): Act {
  return {
    description,
    done,
    perform: (client: IoTClient, certificateId: string) =>
      client.send(new UpdateCertificateCommand({ certificateId, newStatus })),
  }
}

function rows(list: readonly object[] | undefined): readonly Shown[] {
  return (list ?? []).map(plain)
}

/** An answer without what the client adds about the call. */
function plain(answer: object): Shown {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== '$metadata'))
}

function readDocument(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw asFileFault(error, path)
  }
}

/** Rows that one page asks for: the most that AWS IoT gives. */
const PAGE = 250
