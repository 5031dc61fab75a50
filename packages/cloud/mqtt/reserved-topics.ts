import { levelsMatch } from './topic.ts'

/** A service that owns reserved topics (AWS IoT Core developer guide, reserved topics). */
export type ReservedService =
  | 'shadow'
  | 'jobs'
  | 'provisioning'
  | 'rules'
  | 'defender'
  | 'tunnels'
  | 'streams'
  | 'events'
  | 'commands'
  | 'alarms'

/**
 * Tells whether a client may publish to a topic at all: any that does not begin with `$`, and the request topics of the
 * services that run here. The policy decides after that.
 */
export function isPublishable(
  topic: string,
  services: ReadonlySet<ReservedService>,
  { foreignDollarTopics }: ReservedRules = OURS,
): boolean {
  if (!isReserved(topic, foreignDollarTopics)) return true
  const service = serviceOf(topic)
  return service !== undefined && services.has(service)
}

/** Gives the service that takes what is published to a topic; `undefined` for every topic that is nobody's. */
export function serviceOf(topic: string): ReservedService | undefined {
  if (!topic.startsWith('$')) return undefined
  const levels = topic.split('/')
  return RESERVED_LEVELS.find(({ publish }) => publish.some((filter) => levelsMatch(filter, levels, false)))?.service
}

/**
 * Tells whether a client may subscribe to a filter at all: any that does not begin with `$`, and those that can match
 * an answer topic of a service that runs here. The policy decides after that.
 */
export function isSubscribable(
  filter: string,
  services: ReadonlySet<ReservedService>,
  { foreignDollarTopics }: ReservedRules = OURS,
): boolean {
  if (!isReserved(filter, foreignDollarTopics)) return true
  const levels = filter.split('/')
  return RESERVED_LEVELS.some(
    ({ service, subscribe }) => services.has(service) && subscribe.some((other) => overlap(levels, other)),
  )
}

/** Tells whether text is, or may match, a topic that is not for every client. */
function isReserved(text: string, foreignDollarTopics: boolean): boolean {
  return text.startsWith('$') && !(foreignDollarTopics && !OWN.test(text))
}

/** Of our own topics: what begins with `$aws`, `$birthmark`, `$share` and the `$SYS` of other brokers. */
const OWN = /^\$(aws|birthmark|share|SYS)(\/|$)/

/** Which topics are reserved. */
interface ReservedRules {
  /** Whether topics of other first levels that begin with `$` are like any topic. */
  readonly foreignDollarTopics: boolean
}

const OURS: ReservedRules = { foreignDollarTopics: false }

interface ReservedRow {
  readonly service: ReservedService
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

const RESERVED: readonly ReservedRow[] = [
  {
    service: 'shadow',
    publish: ['get', 'update', 'delete'].flatMap((operation) => [
      `$aws/things/+/shadow/${operation}`,
      `$aws/things/+/shadow/name/+/${operation}`,
    ]),
    subscribe: ['$aws/things/+/shadow/#'],
  },
  {
    service: 'jobs',
    publish: ['get', 'start-next', '+/get', '+/update'].map((operation) => `$aws/things/+/jobs/${operation}`),
    subscribe: ['$aws/things/+/jobs/#'],
  },
  {
    service: 'provisioning',
    publish: [
      ...inEachFormat('$aws/certificates/create'),
      ...inEachFormat('$aws/certificates/create-from-csr'),
      ...inEachFormat('$aws/provisioning-templates/+/provision'),
    ],
    subscribe: ['$aws/certificates/#', '$aws/provisioning-templates/#'],
  },
  // Basic Ingest: publish only.
  { service: 'rules', publish: ['$aws/rules/+', '$aws/rules/+/#'], subscribe: [] },
  {
    service: 'defender',
    publish: inEachFormat('$aws/things/+/defender/metrics'),
    subscribe: ['$aws/things/+/defender/metrics/#'],
  },
  { service: 'tunnels', publish: [], subscribe: ['$aws/things/+/tunnels/notify'] },
  {
    service: 'streams',
    publish: [...inEachFormat('$aws/things/+/streams/+/get'), ...inEachFormat('$aws/things/+/streams/+/describe')],
    subscribe: ['$aws/things/+/streams/#'],
  },
  { service: 'events', publish: [], subscribe: ['$aws/events/#'] },
  // Birthmark's own.
  { service: 'alarms', publish: [], subscribe: ['$birthmark/alarms/#'] },
  {
    service: 'commands',
    publish: inEachFormat('$aws/commands/things/+/executions/+/response'),
    subscribe: ['$aws/commands/things/#'],
  },
]

function inEachFormat(topic: string): string[] {
  return [`${topic}/json`, `${topic}/cbor`]
}

/** The same, each filter split into its levels. */
const RESERVED_LEVELS = RESERVED.map(({ service, publish, subscribe }) => ({
  service,
  publish: publish.map((filter) => filter.split('/')),
  subscribe: subscribe.map((filter) => filter.split('/')),
}))

/** Tells whether some topic is matched by both filters. */
function overlap(lefts: readonly string[], rights: readonly string[]): boolean {
  for (let index = 0; ; index += 1) {
    const [left, right] = [lefts[index], rights[index]]
    if (left === '#' || right === '#') return true
    if (left === undefined || right === undefined) return left === right
    if (left !== '+' && right !== '+' && left !== right) return false
  }
}
