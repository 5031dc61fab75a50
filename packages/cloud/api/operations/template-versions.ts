import { parseTemplate } from '@birthmark/cloud/provisioning'
import type { TemplateVersionRecord } from '@birthmark/cloud/registry'
import { notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { commit, conflictException } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { requireTemplate, templateNames } from './templates.ts'
import { dateOf } from './values.ts'

/** Versions of provisioning templates. */
export const templateVersionOperations: Partial<Operations> = {
  async CreateProvisioningTemplateVersion({ templateName, templateBody: body, setAsDefault = false }, call) {
    const { type } = await requireTemplate(templateName, call)
    parseTemplate(body, type)
    const versionId = await createVersion({ templateName, body, setAsDefault }, call)
    return { ...templateNames(templateName, call.registry.scope), versionId, isDefaultVersion: setAsDefault }
  },

  async DescribeProvisioningTemplateVersion({ templateName, versionId }, call) {
    await requireTemplate(templateName, call)
    const versions = await call.registry.templateVersions(templateName)
    const version = versions.find((row) => row.versionId === versionId)
    if (version === undefined) {
      throw notFound(`The version of the provisioning template does not exist (name=${templateName}, id=${versionId})`)
    }
    return { ...summaryOf(version), templateBody: version.body }
  },

  async ListProvisioningTemplateVersions({ templateName, ...input }, call) {
    await requireTemplate(templateName, call)
    const versions = await call.registry.templateVersions(templateName)
    const page = pageOf(versions, ({ versionId }) => String(versionId).padStart(10, '0'), pageRequest(input))
    return { versions: page.rows.map(summaryOf), nextToken: nextToken(page) }
  },

  async DeleteProvisioningTemplateVersion({ templateName, versionId }, call) {
    await commit(call, { do: 'delete-template-version', templateName, versionId })
    return {}
  },
}

/** Makes a version under the next number; asked again when somebody else has taken it. */
async function createVersion(
  version: { readonly templateName: string; readonly body: string; readonly setAsDefault: boolean },
  call: Call,
): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const expectedVersionId = (await call.registry.nextTemplateVersionId(version.templateName)) ?? 1
    const change = { do: 'create-template-version', ...version, expectedVersionId, at: call.now } as const
    const result = await call.registry.commit([change])
    if (result.ok) return expectedVersionId
    if (result.reason !== 'version' || attempt === CREATE_ATTEMPTS_MAX) {
      throw conflictException(call.registry.scope, change, result.reason)
    }
  }
}

function summaryOf({ versionId, createdAt, isDefault }: TemplateVersionRecord): {
  versionId: number
  creationDate: Date
  isDefaultVersion: boolean
} {
  return { versionId, creationDate: dateOf(createdAt), isDefaultVersion: isDefault }
}

/** Tries of a version when others come in between; then ConflictingResourceUpdateException. */
const CREATE_ATTEMPTS_MAX = 5
