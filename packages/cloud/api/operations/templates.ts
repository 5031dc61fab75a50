import { parseTemplate } from '@birthmark/cloud/provisioning'
import type { ProvisioningHook, Scope, TemplateRecord } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import { HOOK_PAYLOAD_VERSION } from '../limits.ts'
import type { Call, Input, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'
import { dateOf } from './values.ts'

/** Provisioning templates. */
export const templateOperations: Partial<Operations> = {
  async CreateProvisioningTemplate(input, call) {
    const type = input.type === 'JITP' ? 'JITP' : 'FLEET_PROVISIONING'
    parseTemplate(input.templateBody, type)
    const hook = parseHook(input.preProvisioningHook, type)
    const template: TemplateRecord = {
      name: input.templateName,
      type,
      description: input.description ?? '',
      enabled: input.enabled ?? false,
      roleArn: input.provisioningRoleArn,
      body: input.templateBody,
      defaultVersionId: 1,
      ...(hook === undefined ? {} : { preProvisioningHook: hook }),
      createdAt: call.now,
      modifiedAt: call.now,
    }
    const tagging = tagChanges(`provisioningtemplate/${template.name}`, input.tags)
    await commit(call, { do: 'create-template', template }, ...tagging)
    return { ...templateNames(template.name, call.registry.scope), defaultVersionId: template.defaultVersionId }
  },

  async DescribeProvisioningTemplate({ templateName }, call) {
    const template = await requireTemplate(templateName, call)
    return {
      ...summaryOf(template, call.registry.scope),
      defaultVersionId: template.defaultVersionId,
      templateBody: template.body,
      provisioningRoleArn: template.roleArn,
      preProvisioningHook: template.preProvisioningHook,
    }
  },

  async ListProvisioningTemplates(input, { registry }) {
    const page = await registry.templates(pageRequest(input))
    return { templates: page.rows.map((row) => summaryOf(row, registry.scope)), nextToken: nextToken(page) }
  },

  /** The body cannot be changed: a new version says something new. */
  async UpdateProvisioningTemplate({ templateName: name, removePreProvisioningHook, ...revision }, call) {
    const { type } = await requireTemplate(name, call)
    const { description, enabled, defaultVersionId, provisioningRoleArn: roleArn } = revision
    if (removePreProvisioningHook === true && revision.preProvisioningHook !== undefined) {
      throw invalidRequest('preProvisioningHook and removePreProvisioningHook exclude each other.')
    }
    const hook = removePreProvisioningHook === true ? null : parseHook(revision.preProvisioningHook, type)
    await commit(call, {
      do: 'update-template',
      name,
      ...(description === undefined ? {} : { description }),
      ...(enabled === undefined ? {} : { enabled }),
      ...(roleArn === undefined ? {} : { roleArn }),
      ...(defaultVersionId === undefined ? {} : { defaultVersionId }),
      ...(hook === undefined ? {} : { preProvisioningHook: hook }),
      at: call.now,
    })
    return {}
  },

  async DeleteProvisioningTemplate({ templateName }, call) {
    await commit(call, { do: 'delete-template', name: templateName })
    return {}
  },
}

/** @throws `ResourceNotFoundException` */
export async function requireTemplate(name: string, { registry }: Call): Promise<TemplateRecord> {
  const template = await registry.template(name)
  if (template === undefined) throw notFound(`The provisioning template does not exist (name=${name})`)
  return template
}

/** Gives the name and ARN of a template. */
export function templateNames(name: string, scope: Scope): { templateArn: string; templateName: string } {
  return { templateArn: arnOf(scope, 'provisioningtemplate', name), templateName: name }
}

/**
 * Reads the function that is asked before a device is provisioned (AWS IoT developer guide, pre-provisioning hooks).
 * There is no one to answer at a first connection, so JITP has none.
 *
 * @throws `InvalidRequestException`
 */
function parseHook(
  given: Input<'CreateProvisioningTemplate'>['preProvisioningHook'],
  type: TemplateRecord['type'],
): ProvisioningHook | undefined {
  if (given === undefined) return undefined
  if (type === 'JITP') throw invalidRequest('A template of type JITP cannot have a preProvisioningHook.')
  const { targetArn = '', payloadVersion } = given
  if (!/^arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[\w-]+(?::[\w$-]+)?$/.test(targetArn)) {
    throw invalidRequest('preProvisioningHook.targetArn must be the ARN of a Lambda function.')
  }
  if (payloadVersion !== undefined && payloadVersion !== HOOK_PAYLOAD_VERSION) {
    throw invalidRequest(`preProvisioningHook.payloadVersion must be ${HOOK_PAYLOAD_VERSION}.`)
  }
  return { payloadVersion: payloadVersion ?? HOOK_PAYLOAD_VERSION, targetArn }
}

function summaryOf(
  template: TemplateRecord,
  scope: Scope,
): {
  templateArn: string
  templateName: string
  description: string
  creationDate: Date
  lastModifiedDate: Date
  enabled: boolean
  type: TemplateRecord['type']
} {
  const { name, description, createdAt, modifiedAt, enabled, type } = template
  const dates = { creationDate: dateOf(createdAt), lastModifiedDate: dateOf(modifiedAt) }
  return { ...templateNames(name, scope), ...dates, description, enabled, type }
}
