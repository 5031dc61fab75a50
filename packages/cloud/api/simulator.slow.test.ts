/**
 * The policy simulator (`/v1/explanations`, which `birthmark policy test` asks, and AWS's TestAuthorization) against
 * the live front: random policies on certificates and thing groups, and real clients over TLS who try it.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { AuthInfo, AuthResult } from '@aws-sdk/client-iot'
import {
  AWS_PROFILE,
  NO_PROPERTIES,
  parseTopicFilter,
  parseTopicName,
  REASON,
  type TopicFilter,
  topicMatches,
} from '@birthmark/cloud/mqtt'
import type { CertificateId, Change } from '@birthmark/cloud/registry'
import { instant } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import type { MqttClient } from 'mqtt'
import { newTestAuthority } from '../../../testing/testkit/test-authority.ts'
import type { TestIdentity } from '../front/testing/pki.ts'
import {
  ARN,
  certificateRecord,
  commit,
  idOf,
  openTestCloud,
  policyRecord,
  type TestCloud,
} from '../front/testing/test-cloud.ts'
import { RANDOM_CLIENT_IDS, RANDOM_FILTERS, RANDOM_TOPICS, randomPolicy } from '../policy/testing/random-policies.ts'
import { authorizationOperations } from './operations/authorization.ts'
import { callOffline } from './own/offline.ts'

/** Cases; each has about nine policies and eleven requests: `SIMULATOR_CASES=1200` makes 10,000 of both. */
const CASES = Number(process.env['SIMULATOR_CASES'] ?? 400)

interface Case {
  readonly asksConnection: boolean
  readonly own: readonly string[]
  readonly ofHall: readonly string[]
  readonly ofPlant: readonly string[]
  readonly attached: 'press-1' | 'exclusively to press-2' | 'nothing'
  readonly site: string | undefined
  readonly clientId: string
  readonly persistent: boolean
  readonly willTopic: string | undefined
  readonly topics: readonly string[]
  readonly filters: readonly string[]
}

/** Half of the cases ask nothing that AWS's TestAuthorization is not told. */
function randomCase(): fc.Arbitrary<Case> {
  return fc.boolean().chain((asksConnection) => caseOf(asksConnection))
}

function caseOf(asksConnection: boolean): fc.Arbitrary<Case> {
  const one = randomPolicy(ARN, { asksConnection })
  const policies = (max: number) => fc.array(one, { maxLength: max })
  return fc.record({
    asksConnection: fc.constant(asksConnection),
    // Without a policy that lets most of them in there would be little to compare.
    own: fc.tuple(fc.boolean(), fc.array(one, { minLength: 4, maxLength: 9 })).map(withConnect),
    ofHall: policies(2),
    ofPlant: policies(2),
    attached: fc.constantFrom('press-1', 'press-1', 'exclusively to press-2', 'nothing'),
    site: fc.constantFrom('north', 'south', 'a*', undefined),
    clientId: fc.constantFrom(...RANDOM_CLIENT_IDS, 'press-1'),
    persistent: fc.boolean(),
    willTopic: fc.option(fc.constantFrom(...RANDOM_TOPICS), { freq: 1, nil: undefined }),
    topics: fc.subarray([...RANDOM_TOPICS], { minLength: 5 }),
    filters: fc.subarray([...RANDOM_FILTERS], { minLength: 4 }),
  })
}

function withConnect([mayConnect, policies]: readonly [boolean, readonly string[]]): readonly string[] {
  const connect = { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }
  return mayConnect ? [...policies, JSON.stringify({ Version: '2012-10-17', Statement: connect })] : policies
}

interface Counts {
  policies: number
  requests: number
  allowed: number
}

test('the simulator says what the live front does', async (context) => {
  const cloud = await openTestCloud(context)
  const identity = await cloud.device('press-1')
  const id = idOf(identity.certificate)
  await commit(cloud.scoped, [
    { do: 'register-certificate', certificate: certificateRecord(identity.certificate) },
    group('plant', undefined),
    group('hall', 'plant'),
  ])
  const counts: Counts = { policies: 0, requests: 0, allowed: 0 }
  await fc.assert(
    fc.asyncProperty(randomCase(), async (given) => {
      const changes = setting(given, id)
      await commit(cloud.scoped, changes.up)
      try {
        await compare(cloud, identity, given, counts)
      } finally {
        await commit(cloud.scoped, changes.down)
      }
      counts.policies += given.own.length + given.ofHall.length + given.ofPlant.length
    }),
    { numRuns: CASES },
  )
  context.diagnostic(`${counts.policies} policies, ${counts.requests} requests, ${counts.allowed} of them allowed`)
  assert.ok(counts.allowed > counts.requests / 50, 'too little is allowed to tell anything')
})

/** What makes a case, and what takes it away again. */
function setting(given: Case, certificateId: CertificateId): { readonly up: Change[]; readonly down: Change[] } {
  const texts = [...given.own, ...given.ofHall, ...given.ofPlant]
  const nameOf = (index: number): string => `q${index}`
  const targets = texts.map((_, index) => {
    if (index < given.own.length) return { kind: 'certificate' } as const
    return { kind: 'group', groupName: index < given.own.length + given.ofHall.length ? 'hall' : 'plant' } as const
  })
  const attachment = (verb: 'attach' | 'detach'): Change[] =>
    targets.map((target, index): Change => {
      const policyName = nameOf(index)
      if (target.kind === 'certificate') return { do: `${verb}-policy`, policyName, certificateId }
      return { do: `${verb}-group-policy`, policyName, groupName: target.groupName }
    })
  const attributes: Readonly<Record<string, string>> = given.site === undefined ? {} : { site: given.site }
  const things = ['press-1', 'press-2'].map((name) => {
    return { name, id: randomUUID(), typeName: undefined, attributes, version: 1, createdAt: instant(0) }
  })
  const attached = given.attached === 'nothing' ? undefined : given.attached.slice(-'press-1'.length)
  const principal = (thingName: string) => ({ thingName, certificateId, exclusive: given.attached !== 'press-1' })
  return {
    up: [
      ...texts.map((text, index): Change => ({ do: 'create-policy', policy: policyRecord(nameOf(index), text) })),
      ...things.map((thing): Change => ({ do: 'create-thing', thing })),
      ...things.map(({ name }): Change => ({ do: 'add-to-thing-group', thingName: name, groupName: 'hall' })),
      ...(attached === undefined ? [] : [{ do: 'attach-thing-principal', ...principal(attached) } as const]),
      ...attachment('attach'),
    ],
    down: [
      ...attachment('detach'),
      ...(attached === undefined ? [] : [{ do: 'detach-thing-principal', ...principal(attached) } as const]),
      ...things.map(({ name }): Change => ({ do: 'remove-from-thing-group', thingName: name, groupName: 'hall' })),
      ...things.map(({ name }): Change => ({ do: 'delete-thing', name })),
      ...texts.map((_, index): Change => ({ do: 'delete-policy', name: nameOf(index) })),
    ],
  }
}

function group(name: string, parentName: string | undefined): Change {
  const record = { parentName, description: undefined, attributes: {}, query: undefined, version: 1 }
  return { do: 'create-thing-group', group: { name, id: randomUUID(), ...record, createdAt: instant(0) } }
}

async function compare(cloud: TestCloud, identity: TestIdentity, given: Case, counts: Counts): Promise<void> {
  const simulator = new Simulator(cloud, idOf(identity.certificate), given)
  const { clientId, willTopic } = given
  const mayConnect = await simulator.allows('iot:Connect', `client/${clientId}`)
  const mayWill = willTopic === undefined || (await simulator.allows('iot:Publish', `topic/${willTopic}`))
  const client = cloud.client(identity, {
    clientId,
    protocolVersion: 5,
    properties: { sessionExpiryInterval: given.persistent ? 60 : 0 },
    ...(willTopic !== undefined && {
      will: { topic: willTopic, payload: Buffer.from('w'), qos: 0 as const, retain: false },
    }),
  })
  const isIn = await isLetIn(client)
  counts.requests += 1
  counts.allowed += isIn ? 1 : 0
  assert.equal(isIn, mayConnect && mayWill, 'iot:Connect')
  if (!isIn) return
  try {
    await tryAll(cloud, client, simulator, given, counts)
  } finally {
    await client.endAsync()
  }
}

async function tryAll(
  { bus }: TestCloud,
  client: MqttClient,
  simulator: Simulator,
  { topics, filters }: Case,
  counts: Counts,
): Promise<void> {
  const received: string[] = []
  const count = (isAllowed: boolean): boolean => {
    counts.requests += 1
    counts.allowed += isAllowed ? 1 : 0
    return isAllowed
  }
  for (const topic of topics) {
    assert.equal(
      count(await done(client.publishAsync(topic, 'x', { qos: 1 }))),
      await simulator.allows('iot:Publish', `topic/${topic}`),
      `publish ${topic}`,
    )
  }
  const granted: TopicFilter[] = []
  for (const filter of filters) {
    const isGranted = count(await done(client.subscribeAsync(filter, { qos: 0 })))
    if (isGranted) granted.push(parseTopicFilter(filter, AWS_PROFILE))
    assert.equal(isGranted, await simulator.allows('iot:Subscribe', `topicfilter/${filter}`), `subscribe ${filter}`)
  }
  client.on('message', (topic) => received.push(topic))
  const sent = topics.map((topic) => parseTopicName(topic, AWS_PROFILE))
  for (const topic of sent) {
    const payload = Buffer.from('x')
    const origin = { qos: 0, properties: NO_PROPERTIES, publisher: undefined, receivedAt: instant(0) } as const
    await bus.publish({ topic, payload, ...origin })
  }
  // Its answer comes after the messages.
  await done(client.unsubscribeAsync('after'))
  for (const topic of sent.filter((one) => granted.some((filter) => topicMatches(filter, one, false)))) {
    const isAllowed = await simulator.allows('iot:Receive', `topic/${topic}`)
    assert.equal(count(received.includes(topic)), isAllowed, `receive ${topic}`)
  }
}

function isLetIn(client: MqttClient): Promise<boolean> {
  return new Promise((resolve) => {
    client.once('connect', () => resolve(true))
    client.once('close', () => resolve(false))
  })
}

/** Tells whether a request was granted; only that it is not authorized may be why not. */
async function done(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch (error) {
    const isRefusal = Reflect.get(Object(error), 'code') === REASON.NOT_AUTHORIZED
    assert.ok(isRefusal || /Subscribe error: Not authorized/.test(String(error)), String(error))
    return false
  }
}

/** Both ways to ask the policies without trying it; they must agree where both know all that is asked. */
class Simulator {
  readonly #cloud: TestCloud
  readonly #id: CertificateId
  readonly #given: Case
  /** What TestAuthorization says, by action and resource. */
  #ofAws: Promise<ReadonlyMap<string, boolean>> | undefined

  constructor(cloud: TestCloud, id: CertificateId, given: Case) {
    this.#cloud = cloud
    this.#id = id
    this.#given = given
  }

  async allows(action: string, resource: string): Promise<boolean> {
    const { registry, scoped } = this.#cloud
    const { asksConnection, clientId, persistent, willTopic } = this.#given
    const parts = { registry, scope: scoped.scope, clock: systemClock, entropy: systemEntropy }
    const will = willTopic === undefined ? {} : { willTopic }
    const connection = { clientId, persistent, sourceIp: '127.0.0.1', ...will }
    const parameters = { certificateId: this.#id, action, resource, ...connection }
    const answer = await callOffline(parts, { method: 'GET', path: '/v1/explanations', parameters })
    const isAllowed = Reflect.get(answer, 'effect') === 'allow'
    if (asksConnection) return isAllowed
    this.#ofAws ??= this.#askAws()
    assert.equal((await this.#ofAws).get(`${action} ${resource}`), isAllowed, `TestAuthorization ${action} ${resource}`)
    return isAllowed
  }

  async #askAws(): Promise<ReadonlyMap<string, boolean>> {
    const { clientId, filters } = this.#given
    const wanted = [
      ['iot:Connect', 'CONNECT', `client/${clientId}`],
      ...RANDOM_TOPICS.map((topic) => ['iot:Publish', 'PUBLISH', `topic/${topic}`] as const),
      ...RANDOM_TOPICS.map((topic) => ['iot:Receive', 'RECEIVE', `topic/${topic}`] as const),
      ...filters.map((filter) => ['iot:Subscribe', 'SUBSCRIBE', `topicfilter/${filter}`] as const),
    ] as const
    const said = new Map<string, boolean>()
    for (let from = 0; from < wanted.length; from += AUTH_INFOS_MAX) {
      const part = wanted.slice(from, from + AUTH_INFOS_MAX)
      const infos = part.map(([, actionType, resource]) => ({ actionType, resources: [`${ARN}${resource}`] }))
      const results = await testAuthorization(this.#cloud, `${ARN}cert/${this.#id}`, clientId, infos)
      part.forEach(([action, , resource], index) =>
        said.set(`${action} ${resource}`, results[index]?.authDecision === 'ALLOWED'),
      )
    }
    return said
  }
}

async function testAuthorization(
  { scoped }: TestCloud,
  principal: string,
  clientId: string,
  authInfos: AuthInfo[],
): Promise<readonly AuthResult[]> {
  const { TestAuthorization } = authorizationOperations
  assert.ok(TestAuthorization)
  const call = {
    registry: scoped,
    certificateProvider: AUTHORITY,
    endpointAddress: () => undefined,
    now: systemClock.now(),
    entropy: systemEntropy,
  }
  const { authResults = [] } = await TestAuthorization({ principal, clientId, authInfos }, call)
  return authResults
}

const AUTHORITY = await newTestAuthority()
/** What one call may ask (AWS IoT API, TestAuthorization). */
const AUTH_INFOS_MAX = 10
