import { Fault } from '@birthmark/foundation/kernel'
import type { PolicyDocument, PolicyStatement } from './document.ts'
import { malformed, quoted, readFields, readJson, readList, readObject, readTemplate, readText } from './json-reader.ts'
import { parseConditions } from './parse-conditions.ts'
import type { Template } from './template.ts'

/**
 * Reads a policy document (AWS IoT Core developer guide, AWS IoT Core policies; IAM JSON policy grammar). Strict:
 * unknown members, members that occur twice, unknown condition operators and condition keys that no connection can
 * have are refused, because a restriction that is silently ignored is a hole. Actions of any service are accepted.
 *
 * @param text JSON of printable ASCII, at most 2048 characters besides white space.
 * @throws `POLICY_MALFORMED` (caller) with the JSON path of the first problem
 */
export function parsePolicyDocument(text: string): PolicyDocument {
  return parsePolicy(readJson(text))
}

/** Reads the value of a policy document, and says where the first fault is. */
export function readPolicy(
  value: unknown,
): { readonly ok: true; readonly document: PolicyDocument } | { readonly ok: false; path: string; why: string } {
  try {
    return { ok: true, document: parsePolicy(value) }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { ok: false, path: String(error.context['path']), why: String(error.context['why']) }
  }
}

function parsePolicy(value: unknown): PolicyDocument {
  const fields = readFields(value, '$', ['Version', 'Id', 'Statement'])
  const version = fields.has('Version') ? fields.get('Version') : '2008-10-17'
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformed('$.Version', 'the version must be "2012-10-17" or "2008-10-17"')
  }
  if (fields.has('Id')) readText(fields.get('Id'), '$.Id')
  if (!fields.has('Statement')) throw malformed('$', 'the member Statement is missing')
  const list = readList(fields.get('Statement'), '$.Statement')
  if (list.length === 0) throw malformed('$.Statement', 'at least one statement is needed')
  const variables = version === '2012-10-17'
  return { version, statements: list.map(([value, path]) => parseStatement(value, path, variables)) }
}

function parseStatement(value: unknown, path: string, variables: boolean): PolicyStatement {
  const members = readObject(value, path)
  if (members.has('Principal') || members.has('NotPrincipal')) {
    throw malformed(path, 'a principal cannot be named here: the policy is attached to it instead')
  }
  const fields = readFields(value, path, STATEMENT_MEMBERS)
  const effect = fields.get('Effect')
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed(`${path}.Effect`, 'the effect must be "Allow" or "Deny"')
  const condition = fields.get('Condition')
  return {
    sid: fields.has('Sid') ? readText(fields.get('Sid'), `${path}.Sid`) : undefined,
    effect,
    actions: parsePatterns(fields, path, 'Action', parseAction),
    resources: parsePatterns(fields, path, 'Resource', (text, at) => parseResource(text, at, variables)),
    conditions: fields.has('Condition') ? parseConditions(condition, `${path}.Condition`, variables) : [],
  }
}

function parsePatterns(
  fields: ReadonlyMap<string, unknown>,
  path: string,
  name: 'Action' | 'Resource',
  parse: (text: string, path: string) => Template,
): PolicyStatement['actions'] {
  const negated = fields.has(`Not${name}`)
  if (fields.has(name) === negated) throw malformed(path, `exactly one of ${name} and Not${name} is needed`)
  const member = negated ? `Not${name}` : name
  const list = readList(fields.get(member), `${path}.${member}`)
  if (list.length === 0) throw malformed(`${path}.${member}`, 'at least one value is needed')
  return { negated, patterns: list.map(([value, at]) => parse(readText(value, at), at)) }
}

/** Actions ignore case (IAM JSON policy elements: Action) and hold no variables. */
function parseAction(text: string, path: string): Template {
  if (text !== '*' && !/^[a-z0-9*?-]+:[a-z0-9*?]+$/i.test(text)) {
    throw malformed(path, `${quoted(text)} is no action; actions look like "iot:Publish", "iot:*" or "*"`)
  }
  return readTemplate(text.toLowerCase(), path, false)
}

function parseResource(text: string, path: string, variables: boolean): Template {
  if (!text.startsWith('arn:') && !text.startsWith('*')) {
    throw malformed(path, `${quoted(text)} is no resource; resources are ARNs ("arn:aws:iot:...") or "*"`)
  }
  return readTemplate(text, path, variables)
}

const STATEMENT_MEMBERS: readonly string[] = [
  'Sid',
  'Effect',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]
