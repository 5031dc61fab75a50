import type { Tag } from '@aws-sdk/client-iot'
import type { StoredDocument } from '@birthmark/cloud/registry'
import { parseRule } from '@birthmark/cloud/rules'
import { isFault } from '@birthmark/foundation/kernel'
import { AwsException, invalidRequest } from '../exceptions.ts'
import type { Call, Input, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { tagChanges } from './tags.ts'

/** Topic rules: of the actions, lambda and republish. */
export const topicRuleOperations: Partial<Operations> = {
  async CreateTopicRule({ ruleName, topicRulePayload, tags }, call) {
    const body = ruleText(ruleName, topicRulePayload)
    const existing = await call.registry.provisioning.document('topic-rule', ruleName)
    if (existing !== undefined) {
      throw new AwsException('ResourceAlreadyExistsException', `Rule ${ruleName} already exists.`)
    }
    const document = { kind: 'topic-rule', name: ruleName, body, createdAt: call.now } as const
    const tagging = tagChanges(`rule/${ruleName}`, parseTags(tags))
    await commit(call, { do: 'create-document', document }, ...tagging)
    return {}
  },

  async ReplaceTopicRule({ ruleName, topicRulePayload }, call) {
    const body = ruleText(ruleName, topicRulePayload)
    await ruleNamed(ruleName, call)
    await commit(call, { do: 'replace-document', kind: 'topic-rule', name: ruleName, body })
    return {}
  },

  async GetTopicRule({ ruleName }, call) {
    const { name, body, createdAt } = await ruleNamed(ruleName, call)
    const rule = { ...payloadOf(body), ruleName: name, createdAt: new Date(createdAt) }
    return { ruleArn: arnOf(call.registry.scope, 'rule', name), rule }
  },

  async ListTopicRules({ topic, ruleDisabled, ...input }, { registry }) {
    const documents = await registry.provisioning.documents('topic-rule')
    const rules = documents.map(({ name, body, createdAt }) => {
      const pattern = parseRule({ ...payloadOf(body) }).query.from
      return {
        ruleArn: arnOf(registry.scope, 'rule', name),
        ruleName: name,
        ...(pattern !== undefined && { topicPattern: pattern }),
        createdAt: new Date(createdAt),
        ruleDisabled: payloadOf(body).ruleDisabled === true,
      }
    })
    const isWanted = (rule: (typeof rules)[number]): boolean =>
      (topic === undefined || rule.topicPattern === topic) &&
      (ruleDisabled === undefined || rule.ruleDisabled === ruleDisabled)
    const page = pageOf(rules.filter(isWanted), (rule) => rule.ruleName, pageRequest(input))
    return { rules: [...page.rows], nextToken: nextToken(page) }
  },

  async DeleteTopicRule({ ruleName }, call) {
    const found = await call.registry.provisioning.document('topic-rule', ruleName)
    if (found === undefined) return {}
    const resource = `rule/${ruleName}`
    const keys = Object.keys(await call.registry.catalog.tags(resource))
    await commit(call, { do: 'delete-document', kind: 'topic-rule', name: ruleName }, { do: 'untag', resource, keys })
    return {}
  },

  async EnableTopicRule({ ruleName }, call) {
    return setDisabled(ruleName, false, call)
  },

  async DisableTopicRule({ ruleName }, call) {
    return setDisabled(ruleName, true, call)
  },
}

async function setDisabled(ruleName: string, ruleDisabled: boolean, call: Call): Promise<Record<string, never>> {
  const { body } = await ruleNamed(ruleName, call)
  const text = JSON.stringify({ ...payloadOf(body), ruleDisabled })
  await commit(call, { do: 'replace-document', kind: 'topic-rule', name: ruleName, body: text })
  return {}
}

/** AWS tells strangers and owners alike that they may not see a rule that is not there. */
async function ruleNamed(ruleName: string, { registry }: Call): Promise<StoredDocument> {
  const found = await registry.provisioning.document('topic-rule', ruleName)
  if (found === undefined) {
    const arn = arnOf(registry.scope, 'rule', ruleName)
    throw new AwsException('UnauthorizedException', `Access to topic rule '${ruleName}' was denied (${arn})`)
  }
  return found
}

/** Reads `key=value&key=value`, as the header has it (AWS IoT API, CreateTopicRule, tags). */
function parseTags(text: string | undefined): readonly Tag[] {
  return Array.from(new URLSearchParams(text ?? ''), ([Key, Value]) => ({ Key, Value }))
}

function ruleText(ruleName: string, payload: Input<'CreateTopicRule'>['topicRulePayload']): string {
  if (!/^[a-zA-Z0-9_]{1,128}$/.test(ruleName)) throw invalidRequest('ruleName must be 1 to 128 of a-z A-Z 0-9 _.')
  const kept = { ruleDisabled: false, awsIotSqlVersion: '2015-10-08', ...payload }
  requireRule(kept)
  return JSON.stringify(kept)
}

/** @throws `SqlParseException` for its statement, what else {@link parseRule} throws */
function requireRule(payload: RulePayload): void {
  try {
    parseRule({ ...payload })
  } catch (error) {
    if (isFault(error, 'RULE_SQL_MALFORMED')) throw new AwsException('SqlParseException', error.message)
    throw error
  }
}

type RulePayload = Input<'CreateTopicRule'>['topicRulePayload']

/** What the SDK's own parser has checked before it was kept. */
function payloadOf(body: string): RulePayload {
  const payload: RulePayload = JSON.parse(body)
  return payload
}
