import type { AccessRequest, Decision, NearMiss, StatementRef } from './model.ts'

/**
 * Says in one or two sentences for people which statement decided, or which statements came near and what kept each
 * from matching. At most about 1500 characters; names from requests and policies are cut to 160 each.
 */
export function explainDecision(decision: Decision, request: AccessRequest): string {
  const what = `${request.action} on ${cut(request.resource)}`
  if (decision.effect === 'allow') return `${what} is allowed by ${named(decision.by)}.`
  if (decision.why === 'explicit-deny') {
    return `${what} is denied by ${named(decision.by)}, and a Deny wins over every Allow.`
  }
  if (decision.considered === 0) return `${what} is denied: no policy with a statement is attached.`
  const nothing = `${what} is denied: no Allow matches (${count(decision.considered)}).`
  if (decision.near.length === 0) return `${nothing} No Allow names the action ${request.action}.`
  return `${nothing} ${decision.near.map((miss) => explainMiss(miss, request)).join('; ')}.`
}

function explainMiss(miss: NearMiss, request: AccessRequest): string {
  const statement = named(miss.statement)
  switch (miss.because) {
    case 'resource':
      return `${statement} names the action but ${explainResource(miss.detail, request)}`
    case 'condition':
      return `${statement} names the action but its condition ${cut(miss.detail)} does not hold`
    case 'variable':
      return `${statement} needs \${${cut(miss.detail)}}, which ${explainVariable(miss.detail)}`
  }
}

function explainResource(pattern: string, request: AccessRequest): string {
  if (pattern.startsWith('NotResource ')) return `excludes ${cut(pattern.slice('NotResource '.length))}`
  const wants = resourceType(request.resource)
  const has = resourceType(pattern)
  const type = wants !== has && !/[*?]/.test(has) ? ` (${request.action} is about ${wants}/, not ${has}/)` : ''
  const literal = pattern.includes('${') ? ' (variables need "Version": "2012-10-17")' : ''
  return `its resource is ${cut(pattern)}${type}${literal}`
}

function explainVariable(variable: string): string {
  if (/^iot:(?:Connection\.)?Thing\./i.test(variable)) {
    return 'has no value: the client id is not the name of a thing that this certificate is attached to'
  }
  if (/^iot:Certificate\./i.test(variable)) {
    return 'has no value in this certificate, or one that may not be substituted'
  }
  return 'has no value on this connection'
}

/** Gives `topic` for `arn:aws:iot:r:a:topic/x`. */
function resourceType(arn: string): string {
  return arn.split(':').slice(5).join(':').split('/', 1)[0] ?? ''
}

function named({ policy, index, sid }: StatementRef): string {
  const name = sid === undefined || sid === '' ? '' : ` ("${cut(sid)}")`
  return `Statement[${index}]${name} of policy "${policy}"`
}

function count(statements: number): string {
  return statements === 1 ? '1 statement looked at' : `${statements} statements looked at`
}

function cut(text: string): string {
  return text.length <= EXPLAINED_TEXT_CHARACTERS_MAX ? text : `${text.slice(0, EXPLAINED_TEXT_CHARACTERS_MAX - 1)}…`
}

/** Longest name or pattern that an explanation repeats, in characters; the rest is cut off. */
const EXPLAINED_TEXT_CHARACTERS_MAX = 160
