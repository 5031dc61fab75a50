import { ACTION_RESOURCES, isControlAction } from './action-resources.ts'
import type { PolicyDocument, PolicyStatement } from './document.ts'
import { matchesGlob } from './glob.ts'
import { quoted } from './json-reader.ts'
import type { PolicyContext } from './model.ts'
import type { Template } from './template.ts'
import { canSubstitute, substitution } from './variables.ts'

/** Something that a well-formed policy most likely does not mean. */
export interface Lint {
  readonly path: string
  /** The part of the text at {@link path} that it is about. */
  readonly inside?: string
  readonly code: string
  readonly message: string
  readonly remedy: string
}

/** Looks through a policy for what AWS's guides warn of, and for what can never match. */
export function lintPolicy(document: PolicyDocument, context: PolicyContext | undefined): readonly Lint[] {
  return [
    ...document.statements.flatMap((statement, index) => {
      const at = `$.Statement[${index}]`
      return [
        ...actionLints(statement, at),
        ...resourceLints(statement, at),
        ...reachLints(statement, at),
        ...variableLints(statement, at, document.version, context),
      ]
    }),
    ...documentLints(document),
  ]
}

function* actionLints({ actions, resources }: PolicyStatement, at: string): Generator<Lint> {
  const member = actions.negated ? 'NotAction' : 'Action'
  for (const [index, pattern] of actions.patterns.entries()) {
    const path = `${at}.${member}[${index}]`
    const known = devicesActions(pattern)
    if (known.length === 0 && /^[a-z0-9?]*:/.test(pattern.text)) {
      yield { path, ...unknownAction(pattern.text) }
      continue
    }
    const [type, ...others] = new Set(known.map((name) => ACTION_RESOURCES.get(name)))
    if (type === undefined || others.length > 0 || actions.negated || resources.negated || type === '*') continue
    if (resources.patterns.some((resource) => [undefined, type].includes(typeOf(resource)))) continue
    const has = [...new Set(resources.patterns.map(typeOf))].join('/ and ')
    yield {
      path,
      code: 'RESOURCE_TYPE',
      message: `${quoted(pattern.text)} is about ${type}/, and the resources here are ${has}/: it never matches.`,
      remedy: `Give it a statement of its own with a resource such as arn:aws:iot:REGION:ACCOUNT:${type}/….`,
    }
  }
}

function unknownAction(text: string): Omit<Lint, 'path'> {
  const isControl = isControlAction(text)
  const near = [...ACTION_RESOURCES.keys()].find((name) => name.startsWith(text.slice(0, 'iot:'.length + 3)))
  const hint = near === undefined ? '' : ` Was ${near} meant?`
  return {
    code: 'ACTION_UNKNOWN',
    message: isControl
      ? `${quoted(text)} is no action of devices: policies of certificates grant none of the control plane.`
      : `${quoted(text)} is no action that a device can ask for, so it never matches.${hint}`,
    remedy: isControl ? 'Give it to an access key instead.' : 'Correct the spelling, or remove it.',
  }
}

function* resourceLints({ actions, resources }: PolicyStatement, at: string): Generator<Lint> {
  const member = resources.negated ? 'NotResource' : 'Resource'
  for (const [index, { text }] of resources.patterns.entries()) {
    const path = `${at}.${member}[${index}]`
    const [, , , region, account, ...rest] = text.split(':')
    if (!text.includes('*') && rest.length === 0) {
      const message = `${quoted(text)} has fewer than the six parts of an ARN, so it never matches.`
      yield { path, code: 'RESOURCE_SHAPE', message, remedy: 'Write arn:aws:iot:REGION:ACCOUNT:TYPE/NAME.' }
      continue
    }
    if (rest.length > 0 && !(isAccount(account) && isRegion(region))) {
      const message = `${quoted(text)} names no account of 12 digits or no region, so it never matches.`
      yield { path, code: 'RESOURCE_SHAPE', message, remedy: 'Put your region and account in.' }
    }
    const isTopic = rest.join(':').startsWith('topic/')
    const wildcard = isTopic ? /(?<=\/)\+(?=\/|$)|#$/.exec(text)?.[0] : undefined
    if (wildcard === undefined || actions.negated) continue
    yield {
      path,
      inside: wildcard,
      code: 'MQTT_WILDCARD',
      message: `${wildcard} means itself in ${quoted(text)}: no client can publish to such a topic.`,
      remedy: 'Use * for any text and ? for one character; + and # belong to topicfilter/.',
    }
  }
}

/** What reaches further than any device needs. */
function* reachLints(statement: PolicyStatement, at: string): Generator<Lint> {
  const { actions, resources, effect, conditions } = statement
  if (effect === 'Deny' || actions.negated || resources.negated || conditions.length > 0) return
  const named = new Set(actions.patterns.flatMap(devicesActions))
  for (const [index, resource] of resources.patterns.entries()) {
    const path = `${at}.Resource[${index}]`
    const reach = reachOf(resource)
    if (reach === 'some') continue
    if (reach === 'any-client') {
      if (named.has('iot:connect')) yield { path, ...ANY_CLIENT }
    } else if (named.size === ACTION_RESOURCES.size) yield { path, ...EVERYTHING }
    else if (named.has('iot:connect') && reach === 'all') yield { path, ...ANY_CLIENT }
    else if (['iot:publish', 'iot:receive', 'iot:subscribe'].some((name) => named.has(name)))
      yield { path, ...ANY_TOPIC }
  }
}

function reachOf({ text }: Template): 'all' | 'any-topic' | 'any-client' | 'some' {
  const name = text === '*' ? '*' : text.split(':').slice(5).join(':')
  if (name === '*' || (name === '' && text.endsWith('*'))) return 'all'
  if (/^(?:topic\/\*|topicfilter\/[*#])$/.test(name)) return 'any-topic'
  return /^client\/(?:\*|\$\{iot:ClientId\})$/i.test(name) ? 'any-client' : 'some'
}

function* variableLints(
  { resources, conditions }: PolicyStatement,
  at: string,
  version: PolicyDocument['version'],
  context: PolicyContext | undefined,
): Generator<Lint> {
  const member = resources.negated ? 'NotResource' : 'Resource'
  const templates: [string, Template][] = resources.patterns.map((one, index) => [`${at}.${member}[${index}]`, one])
  for (const { text, key, values } of conditions) {
    for (const [index, one] of values.entries()) templates.push([`${at}.Condition.${text}.${key}[${index}]`, one])
  }
  for (const [path, template] of templates) {
    if (version === '2008-10-17' && template.text.includes('${')) yield { path, inside: '${', ...OLD_VERSION }
    for (const part of template.parts) {
      if (typeof part !== 'string') yield* variableLint(part.variable, path, context)
    }
  }
}

function* variableLint(variable: string, path: string, context: PolicyContext | undefined): Generator<Lint> {
  const text = `\${${variable}}`
  if (!canSubstitute(variable)) {
    const message = `${quoted(text)} has a single value on no connection, so it never matches.`
    const remedy =
      'Correct the name: iot:ClientId, iot:Connection.Thing.…, iot:Certificate.… and aws:SourceIp are known.'
    yield { path, inside: text, code: 'VARIABLE_UNKNOWN', message, remedy }
  } else if (context !== undefined && substitution(context, variable) === undefined) {
    const message = `${quoted(text)} has no value for this certificate and client id, so it does not match.`
    const remedy = 'Attach the certificate to the thing that has the name of the client id, or use another variable.'
    yield { path, inside: text, code: 'VARIABLE_UNRESOLVED', message, remedy }
  }
}

/** What the statements miss together. */
function* documentLints({ statements }: PolicyDocument): Generator<Lint> {
  const naming = (effect: 'Allow' | 'Deny', action: string): number =>
    statements.findIndex((one) => one.effect === effect && names(one, action))
  const allowed = naming('Allow', 'iot:subscribe')
  if (allowed >= 0 && naming('Allow', 'iot:receive') < 0) {
    yield {
      path: `$.Statement[${allowed}]`,
      code: 'SUBSCRIBE_WITHOUT_RECEIVE',
      message: 'iot:Subscribe is allowed and iot:Receive is not: subscribers get no message by this policy.',
      remedy: 'Allow iot:Receive on topic/…, unless another policy of the device does.',
    }
  }
  const denied = naming('Deny', 'iot:subscribe')
  if (denied < 0 || naming('Deny', 'iot:receive') >= 0) return
  yield {
    path: `$.Statement[${denied}]`,
    code: 'DENIED_FILTER_ONLY',
    message: 'A wider filter than the one that is denied to iot:Subscribe still brings its messages.',
    remedy: 'Deny iot:Receive on topic/… as well.',
  }
}

function names({ actions }: PolicyStatement, action: string): boolean {
  return (
    actions.patterns.some(({ constant }) => constant !== undefined && matchesGlob(constant, action)) !== actions.negated
  )
}

/** The actions of devices that a pattern stands for, in lower case. */
function devicesActions({ constant }: Template): readonly string[] {
  return [...ACTION_RESOURCES.keys()].filter((name) => constant !== undefined && matchesGlob(constant, name))
}

/** Gives `topic` for `arn:aws:iot:r:a:topic/x`; `undefined` where a wildcard or a variable may stand for it. */
function typeOf({ text }: Template): string | undefined {
  const type = text.split(':').slice(5).join(':').split('/', 1)[0] ?? ''
  return type === '' || /[*?$]/.test(type) ? undefined : type
}

function isAccount(text = ''): boolean {
  return /^\d{12}$/.test(text) || /[*?$]/.test(text)
}

function isRegion(text = ''): boolean {
  return /^[a-z]{2,}(?:-[a-z0-9]+)+$/.test(text) || /[*?$]/.test(text)
}

const EVERYTHING = {
  code: 'WILDCARD_EVERYTHING',
  message: 'Everything is allowed on everything: one lost key reads and writes for the whole fleet.',
  remedy: 'Name the actions, and resources with ${iot:Connection.Thing.ThingName} in them.',
} as const
const ANY_CLIENT = {
  code: 'WILDCARD_CLIENT',
  message: 'Any client id may connect with this certificate, and so take the connection of another device over.',
  remedy: 'Allow client/${iot:Connection.Thing.ThingName} with the condition iot:Connection.Thing.IsAttached.',
} as const
const ANY_TOPIC = {
  code: 'WILDCARD_TOPIC',
  message: 'Every topic is meant, those of all other devices among them.',
  remedy: 'Name the topics, with ${iot:Connection.Thing.ThingName} in them.',
} as const
const OLD_VERSION = {
  code: 'VARIABLE_VERSION',
  message: 'Variables have no meaning in version 2008-10-17, which a document without Version has.',
  remedy: 'Write "Version": "2012-10-17".',
} as const
