import {
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateProvisioningTemplateCommand,
  CreateProvisioningTemplateVersionCommand,
  DescribeProvisioningTemplateCommand,
  DescribeProvisioningTemplateVersionCommand,
  GetPolicyVersionCommand,
  type IoTClient,
  ListPolicyVersionsCommand,
  paginateListPolicies,
  paginateListProvisioningTemplates,
  paginateListProvisioningTemplateVersions,
} from '@aws-sdk/client-iot'
import { type Content, contentsOf, type Family, inputFrom, PAGE, tag, tagsOf, textOf } from './record.ts'

/** Policies with all their versions, oldest first. Their numbers are the cloud's own and may differ. */
export const policies: Family = {
  kind: 'policy',
  async *read(client) {
    for await (const { policies: found = [] } of paginateListPolicies({ client, pageSize: PAGE }, {})) {
      for (const { policyName = '', policyArn } of found) {
        const versions = await policyVersions(client, policyName)
        yield [policyName, { versions, ...(await tagsOf(client, policyArn)) }]
      }
    }
  },
  async make(client, policyName, content) {
    const [first, ...later] = versionsOf(content)
    const made = await client.send(new CreatePolicyCommand({ policyName, policyDocument: first?.text }))
    for (const { text, isDefault } of later) {
      await client.send(new CreatePolicyVersionCommand({ policyName, policyDocument: text, setAsDefault: isDefault }))
    }
    await tag(client, made.policyArn, content)
  },
}

async function policyVersions(client: IoTClient, policyName: string): Promise<readonly Content[]> {
  const { policyVersions: found = [] } = await client.send(new ListPolicyVersionsCommand({ policyName }))
  const versions: Content[] = []
  for (const { versionId = '', isDefaultVersion } of found.toSorted(byNumber)) {
    const version = await client.send(new GetPolicyVersionCommand({ policyName, policyVersionId: versionId }))
    versions.push({ text: version.policyDocument, isDefault: isDefaultVersion === true })
  }
  return versions
}

/** Provisioning templates with all their versions, oldest first. */
export const templates: Family = {
  kind: 'template',
  async *read(client) {
    for await (const { templates: found = [] } of paginateListProvisioningTemplates({ client, pageSize: PAGE }, {})) {
      for (const { templateName = '', templateArn } of found) {
        const { type, description, enabled, provisioningRoleArn, preProvisioningHook } = await client.send(
          new DescribeProvisioningTemplateCommand({ templateName }),
        )
        const versions = await templateVersions(client, templateName)
        const described = { type, description, enabled, provisioningRoleArn, preProvisioningHook }
        yield [templateName, { ...described, versions, ...(await tagsOf(client, templateArn)) }]
      }
    }
  },
  async make(client, templateName, content) {
    const { versions: _, tags: __, ...described } = content
    const [first, ...later] = versionsOf(content)
    const input = inputFrom<ConstructorParameters<typeof CreateProvisioningTemplateCommand>[0]>(described)
    const made = await client.send(
      new CreateProvisioningTemplateCommand({ ...input, templateName, templateBody: first?.text }),
    )
    for (const { text, isDefault } of later) {
      await client.send(
        new CreateProvisioningTemplateVersionCommand({ templateName, templateBody: text, setAsDefault: isDefault }),
      )
    }
    await tag(client, made.templateArn, content)
  },
}

async function templateVersions(client: IoTClient, templateName: string): Promise<readonly Content[]> {
  const found: { readonly versionId: number; readonly isDefault: boolean }[] = []
  for await (const { versions = [] } of paginateListProvisioningTemplateVersions({ client }, { templateName })) {
    for (const { versionId = 0, isDefaultVersion } of versions) {
      found.push({ versionId, isDefault: isDefaultVersion === true })
    }
  }
  const versions: Content[] = []
  for (const { versionId, isDefault } of found.toSorted(byNumber)) {
    const version = await client.send(new DescribeProvisioningTemplateVersionCommand({ templateName, versionId }))
    versions.push({ text: version.templateBody, isDefault })
  }
  return versions
}

interface Version {
  readonly text: string
  readonly isDefault: boolean
}

function versionsOf({ versions }: Content): readonly Version[] {
  return contentsOf(versions).map(({ text, isDefault }) => ({ text: textOf(text), isDefault: isDefault === true }))
}

interface Numbered {
  readonly versionId?: string | number | undefined
}

function byNumber(left: Numbered, right: Numbered): number {
  return Number(left.versionId) - Number(right.versionId)
}
