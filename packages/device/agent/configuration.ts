import { dirname, resolve } from 'node:path'
import { type Millis, millis, seconds } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import type { Backoff } from './backoff.ts'
import { FIELD_BACKOFF } from './backoff.ts'
import { readDocument, type Section } from './configuration-section.ts'
import type { Endpoint } from './connection.ts'
import { agentFault } from './faults.ts'
import type { ProvisioningRequest } from './fleet.ts'

/** Where a device's keys are. */
export type ElementChoice =
  | { readonly kind: 'chip' | 'socket' | 'i2c'; readonly path: string }
  | { readonly kind: 'pkcs11'; readonly uri: string }
  | { readonly kind: 'software'; readonly path: string; readonly passphrase: string }

/** The files of a claim certificate. */
export interface ClaimFiles {
  readonly certificate: string
  readonly key: string
  /** File with the passphrase of an encrypted key. */
  readonly passphrase: string | undefined
}

/** How an old certificate is deactivated once its successor has connected. */
export type ClosingChoice =
  /** Asked for on a topic, by the new identity; answered on `…/accepted` or `…/rejected`. */
  | { readonly by: 'topic'; readonly topic: string }
  /** UpdateCertificate of the control plane, with the credentials of the environment. */
  | { readonly by: 'control-plane'; readonly url: string | undefined; readonly region: string }

/** How a certificate is replaced. */
export interface RotationChoice extends ProvisioningRequest {
  readonly close: ClosingChoice
  /** Replaced by itself this long before it expires; never when absent. */
  readonly beforeExpiry: Millis | undefined
}

/** An agent's configuration, checked. Paths are absolute. Texts may hold `{name}` and `{uid}`. */
export interface AgentConfiguration {
  readonly data: string
  readonly endpoint: Endpoint
  /** PEM file with the endpoint's roots; the element's trust anchor when absent. */
  readonly root: string | undefined
  readonly element: ElementChoice
  readonly clientId: string
  readonly claim: ClaimFiles | undefined
  readonly provisioning: ProvisioningRequest | undefined
  readonly rotation: RotationChoice | undefined
  readonly receiver: { readonly host: string; readonly port: number } | undefined
  readonly telemetry: { readonly topic: string; readonly period: Millis } | undefined
  readonly commands: { readonly topic: string } | undefined
  readonly backoff: Backoff
}

/**
 * Reads a configuration file, YAML or JSON, and reports everything that is wrong with it at once.
 *
 * @throws `CONFIGURATION_ABSENT`, `CONFIGURATION_INVALID`, faults of the file system
 */
export function readConfiguration(path: string): AgentConfiguration {
  const text = readTextFile(path)
  if (text === undefined) throw agentFault('CONFIGURATION_ABSENT', { path })
  return parseConfiguration(text, path)
}

/** Does what {@link readConfiguration} does, with the text of the file. @throws `CONFIGURATION_INVALID` */
export function parseConfiguration(text: string, path: string): AgentConfiguration {
  const { root: section, problems } = readDocument(text)
  const file = (within: Section, name: string): string => {
    const value = within.text(name, { is: 'the path of a file' })
    return value === '' ? '' : resolve(dirname(path), value)
  }
  const provisioning = section.part('provisioning', readTemplate)
  const place =
    section.part('endpoint', (at) => ({
      root: at.has('root') ? file(at, 'root') : undefined,
      ...readEndpoint(at),
    })) ?? section.missing('endpoint', { host: '', port: 0, root: undefined })
  const configuration: AgentConfiguration = {
    data: file(section, 'data'),
    root: place.root,
    endpoint: { host: place.host, port: place.port },
    element:
      section.part('element', (at) => readElement(at, file)) ?? section.missing('element', { kind: 'chip', path: '' }),
    clientId: section.text('clientId', { is: 'a text', otherwise: '{name}' }),
    claim: section.part('claim', (at) => ({
      certificate: file(at, 'certificate'),
      key: file(at, 'key'),
      passphrase: at.has('passphrase') ? file(at, 'passphrase') : undefined,
    })),
    provisioning,
    rotation: section.part('rotation', (at) => readRotation(at, provisioning)),
    receiver: section.part('receiver', (at) => ({
      host: at.text('host', { is: 'a host name or address', otherwise: '127.0.0.1' }),
      port: at.integer('port', { min: 0, max: 65_535, otherwise: 0 }),
    })),
    telemetry: section.part('telemetry', (at) => ({
      topic: at.text('topic', TOPIC),
      period: millis(at.integer('everySeconds', { min: 1, max: 86_400, otherwise: 60 }) * 1000),
    })),
    commands: section.part('commands', (at) => ({ topic: at.text('topic', { ...TOPIC, is: 'a topic filter' }) })),
    backoff: section.part('backoff', readBackoff) ?? FIELD_BACKOFF,
  }
  if ((configuration.claim ?? configuration.receiver) !== undefined && provisioning === undefined) {
    section.problem('provisioning', 'is missing: a claim needs the template that provisions')
  }
  for (const [name, what] of NOT_IMPLEMENTED) {
    if (!section.has(name)) continue
    section.problem(name, `is not implemented: this agent has no ${what}; use telemetry and commands`)
    section.known(name)
  }
  section.end()
  if (problems.length > 0) throw agentFault('CONFIGURATION_INVALID', { path, problems: problems.join('; ') })
  return configuration
}

function readEndpoint(at: Section): Endpoint {
  return {
    host: at.text('host', { is: 'a host name', pattern: /^[A-Za-z0-9.:-]{1,253}$/ }),
    port: at.integer('port', { min: 1, max: 65_535, otherwise: 8883 }),
  }
}

function readElement(at: Section, file: (within: Section, name: string) => string): ElementChoice {
  const kinds = ['chip', 'socket', 'i2c', 'pkcs11', 'software'] as const
  const named = kinds.filter((kind) => at.has(kind))
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    at.problem('', `must name exactly one of ${kinds.join(', ')}`)
    at.known(...kinds, 'passphrase')
    return { kind: 'chip', path: '' }
  }
  switch (kind) {
    case 'pkcs11': {
      const uri = at.text(kind, { is: 'a pkcs11: URI with module-path', pattern: /^pkcs11:.*module-path=/ })
      return { kind, uri }
    }
    case 'software':
      return { kind, path: file(at, kind), passphrase: file(at, 'passphrase') }
    case 'chip':
    case 'socket':
    case 'i2c':
      return { kind, path: file(at, kind) }
  }
}

function readTemplate(at: Section): ProvisioningRequest {
  return {
    template: at.text('template', { is: "a template's name", pattern: /^[0-9A-Za-z_-]{1,36}$/ }),
    parameters: at.texts('parameters'),
  }
}

function readRotation(at: Section, like: ProvisioningRequest | undefined): RotationChoice {
  const days = at.integer('beforeExpiryDays', { min: 0, max: 3650, otherwise: 0 })
  const own = {
    template: at.text('template', {
      is: "a template's name",
      pattern: /^[0-9A-Za-z_-]{1,36}$/,
      ...(like === undefined ? {} : { otherwise: like.template }),
    }),
    parameters: at.has('parameters') ? at.texts('parameters') : (like?.parameters ?? {}),
  }
  const close = at.part('close', readClosing) ?? at.missing('close', { by: 'topic', topic: '' } as const)
  return { ...own, close, beforeExpiry: days === 0 ? undefined : millis(days * 86_400_000) }
}

function readClosing(at: Section): ClosingChoice {
  if (at.has('topic')) return { by: 'topic', topic: at.text('topic', TOPIC) }
  return {
    by: 'control-plane',
    url: at.has('controlPlane') ? at.text('controlPlane', { is: 'a URL', pattern: /^https?:\/\/\S+$/ }) : undefined,
    region: at.text('region', { is: 'a region, or name a topic instead', pattern: /^[a-z0-9-]{1,32}$/ }),
  }
}

function readBackoff(at: Section): Backoff {
  const limits = { min: 1, max: 86_400 }
  const first = at.integer('firstSeconds', { ...limits, otherwise: 1 })
  const longest = at.integer('longestSeconds', { ...limits, otherwise: 300 })
  if (longest < first) at.problem('longestSeconds', 'must not be less than firstSeconds')
  return { firstDelayMax: seconds(first), delayMax: seconds(longest) }
}

/** What AWS's own device clients do and this agent does not yet, by the name of its section. */
const NOT_IMPLEMENTED: ReadonlyMap<string, string> = new Map([
  ['shadow', 'device shadow'],
  ['jobs', 'jobs'],
])

const TOPIC = { is: 'a topic of at most 256 characters', pattern: /^[^\0]{1,256}$/ } as const
