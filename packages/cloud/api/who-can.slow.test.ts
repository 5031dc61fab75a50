/** `who-can` against asking for every device of the fleet, one by one. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Change } from '@birthmark/cloud/registry'
import { certificateId } from '@birthmark/cloud/registry'
import { instant } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { RANDOM_CLIENT_IDS, RANDOM_FILTERS, RANDOM_TOPICS, randomPolicy } from '../policy/testing/random-policies.ts'
import { callOffline } from './own/offline.ts'

const { registry, scope, authority } = await startTestControlPlane()
const scoped = registry.in(scope)
const ARN = `arn:aws:iot:${scope.region}:${scope.account}:`
const DEVICES = 200
const POLICIES = 12

type Answer = Readonly<Record<string, unknown>>

async function own(path: string, parameters: Answer): Promise<Answer> {
  const parts = { registry, scope, clock: systemClock, entropy: systemEntropy }
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined))
  return { ...(await callOffline(parts, { method: 'GET', path, parameters: given })) }
}

async function commit(changes: readonly Change[]): Promise<void> {
  assert.deepEqual(await scoped.commit(changes), { ok: true })
}

interface Device {
  readonly id: string
  readonly things: readonly string[]
}

/** 200 devices: most with a thing, some with two or none, some that cannot connect now, in groups with policies. */
async function makeFleet(): Promise<readonly Device[]> {
  const pem = (await authority.issueDevice({ commonName: 'press-1' })).toPem()
  const at = instant(1_700_000_000_000)
  const policies = fc.sample(randomPolicy(ARN, { asksConnection: true }), POLICIES)
  const dates = { createdAt: at, modifiedAt: at }
  await commit([
    ...policies.map((document, n): Change => {
      const policy = { name: `p${n}`, document, defaultVersionId: '1', generationId: randomUUID(), ...dates }
      return { do: 'create-policy', policy }
    }),
    ...['plant', 'hall'].map((name): Change => {
      const parentName = name === 'hall' ? 'plant' : undefined
      const record = { parentName, description: undefined, attributes: {}, query: undefined, version: 1 }
      return { do: 'create-thing-group', group: { name, id: randomUUID(), ...record, createdAt: at } }
    }),
    { do: 'attach-group-policy', policyName: 'p0', groupName: 'plant' },
    { do: 'attach-group-policy', policyName: 'p1', groupName: 'hall' },
  ])
  const fleet: Device[] = []
  for (let n = 0; n < DEVICES; n += 1) {
    const id = certificateId((n + 1).toString(16).padStart(64, '0'))
    assert.ok(id)
    const things = n % 10 === 0 ? [] : [n < 3 ? `press-${n}` : `press-${n}`, ...(n % 17 === 0 ? [`second-${n}`] : [])]
    const isOver = n % 23 === 0
    const certificate = {
      id,
      pem,
      status: n % 9 === 0 ? ('INACTIVE' as const) : ('ACTIVE' as const),
      mode: 'DEFAULT' as const,
      caId: undefined,
      notBefore: at,
      notAfter: instant(isOver ? at + 1 : 9e12),
      customerVersion: 1,
      generationId: randomUUID(),
      ...dates,
    }
    await commit([
      { do: 'register-certificate', certificate },
      ...[n % POLICIES, (n * 5 + 2) % POLICIES].map(
        (policy): Change => ({ do: 'attach-policy', policyName: `p${policy}`, certificateId: id }),
      ),
      ...things.flatMap((name): Change[] => {
        const attributes: Readonly<Record<string, string>> = n % 3 === 0 ? { site: 'north' } : {}
        const thing = { name, id: randomUUID(), typeName: undefined, attributes, version: 1, createdAt: at }
        const exclusive = n % 13 === 1
        return [
          { do: 'create-thing', thing },
          { do: 'attach-thing-principal', thingName: name, certificateId: id, exclusive },
          ...(n % 4 === 0 ? [{ do: 'add-to-thing-group', thingName: name, groupName: 'hall' } as const] : []),
        ]
      }),
    ])
    if (certificate.status === 'ACTIVE' && !isOver) fleet.push({ id, things })
  }
  return fleet
}

async function whoCan(question: Answer, limit: number): Promise<readonly string[]> {
  const found: string[] = []
  let after: unknown
  let examined = 0
  do {
    const { principals, next, examined: count } = await own('/v1/who-can', { ...question, after, limit })
    assert.ok(Array.isArray(principals) && Number(count) <= limit)
    for (const { certificateId: id, clientId, mayConnect } of principals) found.push(`${id} ${clientId} ${mayConnect}`)
    examined += Number(count)
    after = next
  } while (after !== undefined)
  assert.equal(examined, DEVICES)
  return found.sort()
}

async function bruteForce(fleet: readonly Device[], question: Answer): Promise<readonly string[]> {
  const found: string[] = []
  const { action, resource } = question
  const fixed = typeof question['clientId'] === 'string' ? question['clientId'] : undefined
  for (const { id, things } of fleet) {
    const asked = action === 'iot:Connect' ? String(resource).replace('client/', '') : undefined
    const named = things.length === 0 ? [undefined] : things
    for (const clientId of fixed === undefined ? (asked === undefined ? named : [asked]) : [fixed]) {
      const connection = { certificateId: id, clientId, sourceIp: question['sourceIp'] }
      const { effect } = await own('/v1/explanations', { ...connection, action, resource })
      if (effect !== 'allow') continue
      const connects = { ...connection, action: 'iot:Connect', resource: `client/${clientId}` }
      const may = clientId === undefined ? undefined : (await own('/v1/explanations', connects))['effect'] === 'allow'
      found.push(`${id} ${clientId} ${may}`)
    }
  }
  return found.sort()
}

test('who-can says of a fleet of 200 what asking for each device says, in parts of any size', async () => {
  const fleet = await makeFleet()
  const topics = [...RANDOM_TOPICS, 'dt/press-7/t', 'dt/press-44/t']
  const request = fc.oneof(
    ...(['iot:Publish', 'iot:Receive', 'iot:RetainPublish'] as const).map((action) =>
      fc.record({ action: fc.constant(action), resource: fc.constantFrom(...topics.map((topic) => `topic/${topic}`)) }),
    ),
    fc.record({
      action: fc.constant('iot:Subscribe'),
      resource: fc.constantFrom(...RANDOM_FILTERS.map((filter) => `topicfilter/${filter}`)),
    }),
    fc.record({
      action: fc.constant('iot:Connect'),
      resource: fc.constantFrom(...[...RANDOM_CLIENT_IDS, 'press-7'].map((name) => `client/${name}`)),
    }),
  )
  const clientId = fc.option(fc.constantFrom(...RANDOM_CLIENT_IDS), { nil: undefined })
  const sourceIp = fc.option(fc.constantFrom('127.0.0.1', '192.0.2.1'), { nil: undefined })
  const limit = fc.integer({ min: 1, max: 250 }).map((n) => (n < 20 ? n + 30 : n))
  let allowed = 0
  await fc.assert(
    fc.asyncProperty(request, clientId, sourceIp, limit, async (asked, id, address, size) => {
      const question = { ...asked, clientId: asked.action === 'iot:Connect' ? undefined : id, sourceIp: address }
      const found = await whoCan(question, size)
      allowed += found.length
      assert.deepEqual(found, await bruteForce(fleet, question))
    }),
    { numRuns: 12 },
  )
  assert.ok(allowed > 0)
})
