import { parseTemplate } from '@birthmark/cloud/provisioning'
import type { Scope, TemplateRecord } from '@birthmark/cloud/registry'
import { AwsException, notFound } from '../exceptions.ts'
import type { Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { dateOf } from './values.ts'

/** Provisioning templates. */
export const templateOperations: Partial<Operations> = {
  async CreateProvisioningTemplate(input, call) {
    if (input.type !== 'JITP') {
      throw new AwsException('NotImplementedException', 'Provisioning by claim is not implemented: use the type JITP.')
    }
    parseTemplate(input.templateBody, input.type)
    const template: TemplateRecord = {
      name: input.templateName,
      type: input.type,
      description: input.description ?? '',
      enabled: input.enabled ?? false,
      roleArn: input.provisioningRoleArn,
      body: input.templateBody,
      defaultVersionId: 1,
      createdAt: call.now,
      modifiedAt: call.now,
    }
    await commit(call, { do: 'create-template', template })
    return { ...templateNames(template, call.registry.scope), defaultVersionId: template.defaultVersionId }
  },

  async DescribeProvisioningTemplate({ templateName }, { registry }) {
    const template = await registry.template(templateName)
    if (template === undefined) throw notFound(`The provisioning template does not exist (name=${templateName})`)
    return {
      ...summaryOf(template, registry.scope),
      defaultVersionId: template.defaultVersionId,
      templateBody: template.body,
      provisioningRoleArn: template.roleArn,
    }
  },

  async ListProvisioningTemplates(input, { registry }) {
    const page = await registry.templates(pageRequest(input))
    return { templates: page.rows.map((row) => summaryOf(row, registry.scope)), nextToken: nextToken(page) }
  },

  async DeleteProvisioningTemplate({ templateName }, call) {
    await commit(call, { do: 'delete-template', name: templateName })
    return {}
  },
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
  const { description, createdAt, modifiedAt, enabled, type } = template
  const dates = { creationDate: dateOf(createdAt), lastModifiedDate: dateOf(modifiedAt) }
  return { ...templateNames(template, scope), ...dates, description, enabled, type }
}

function templateNames({ name }: TemplateRecord, scope: Scope): { templateArn: string; templateName: string } {
  return { templateArn: arnOf(scope, 'provisioningtemplate', name), templateName: name }
}
