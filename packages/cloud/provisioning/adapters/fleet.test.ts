import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Change, certificateId, type Registry, type ScopedRegistry } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { type Instant, instant, silentLog, toHex } from '@birthmark/foundation/kernel'
import { decode, encode } from 'cborg'
import fc from 'fast-check'
import { type CallHook, type FleetPorts, FleetProvisioning, TemplateCache } from '../index.ts'
import { sha256 } from './sha256.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const CLAIM = certificateId('c'.repeat(64))
const CREATE = '$aws/certificates/create/json'
const PROVISION = '$aws/provisioning-templates/meters/provision/json'
const HOUR = 3_600_000

const TEMPLATE = JSON.stringify({
  Parameters: { SerialNumber: { Type: 'String' }, Site: { Type: 'String', Default: 'lab' } },
  Resources: {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: { Ref: 'SerialNumber' }, AttributePayload: { site: { Ref: 'Site' } } },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
  },
  DeviceConfiguration: { site: { Ref: 'Site' } },
})

/** Public keys by certificate; without one each certificate has its own. */
const keys = new Map<string, string>()

type Answer = Readonly<Record<string, unknown>>

class Fleet {
  now: Instant = instant(1_800_000_000_000)
  readonly scoped: ScopedRegistry
  readonly registry: Registry
  readonly taken: unknown[] = []
  readonly #fleet: FleetProvisioning

  constructor(registry: Registry, options: Partial<FleetPorts> = {}) {
    this.registry = registry
    this.scoped = registry.in(SCOPE)
    this.#fleet = new FleetProvisioning({
      registryOf: (scope) => registry.in(scope),
      issue: async () => ({ certificate: randomBytes(8), intermediates: [], root: new Uint8Array() }),
      crypto: {
        newKey: async () => ({ csr: new Uint8Array(1), privateKeyPem: 'key' }),
        readCsr: () => new Uint8Array(1),
        readCertificate: (der) => {
          const id = certificateId(toHex(sha256(der)))
          assert.ok(id)
          return { id, pem: `pem of ${id}`, notBefore: instant(0), notAfter: instant(9e12) }
        },
        publicKeyOf: (pem) => Buffer.from(keys.get(pem) ?? pem),
        sha256,
      },
      templates: new TemplateCache(),
      clock: { now: () => this.now },
      entropy: { bytes: (count) => randomBytes(count) },
      log: silentLog,
      hookOf: () => undefined,
      callHook: undefined,
      existingThings: 'bind',
      onTaken: (taken) => this.taken.push(taken),
      ...options,
    })
  }

  sweep(): Promise<number> {
    return this.#fleet.sweep(SCOPE)
  }

  /** Sends a request and gives its answer, with the last level of the answer's topic. */
  ask(topic: string, payload: Uint8Array | Answer, members: { certificateId?: typeof CLAIM } = {}): Promise<Answer> {
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload))
    return new Promise((resolve) =>
      this.#fleet.receive({
        scope: SCOPE,
        topic,
        payload: bytes,
        client: { connectionId: 'k', clientId: 'c', remoteAddress: '::1', certificateId: CLAIM, ...members },
        reply: (at, body) => {
          const answer: unknown = topic.endsWith('json') ? JSON.parse(Buffer.from(body).toString()) : decode(body)
          assert.ok(typeof answer === 'object')
          resolve({ ...answer, at: at.slice(topic.length + 1) })
        },
        note: () => undefined,
      }),
    )
  }

  async offered(): Promise<{ token: string; id: NonNullable<typeof CLAIM> }> {
    const made = await this.ask(CREATE, {})
    assert.equal(made['at'], 'accepted')
    const id = certificateId(String(made['certificateId']))
    assert.ok(id)
    return { token: String(made['certificateOwnershipToken']), id }
  }

  provision(token: unknown, SerialNumber: string, members = {}): Promise<Answer> {
    return this.ask(PROVISION, { certificateOwnershipToken: token, parameters: { SerialNumber } }, members)
  }

  async commit(...changes: readonly Change[]): Promise<void> {
    assert.deepEqual(await this.scoped.commit(changes), { ok: true })
  }
}

async function newFleet(context: TestContext, options: Partial<FleetPorts> = {}): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-fleet-'))
  const registry = await openSqliteRegistry({ folder, clock: { now: () => instant(0) }, log: silentLog })
  context.after(async () => {
    await registry.close()
    await rm(folder, { recursive: true, force: true })
  })
  const fleet = new Fleet(registry, options)
  const template = {
    name: 'meters',
    type: 'FLEET_PROVISIONING' as const,
    description: '',
    enabled: true,
    roleArn: 'r',
    body: TEMPLATE,
    defaultVersionId: 1,
    createdAt: instant(0),
    modifiedAt: instant(0),
    preProvisioningHook: undefined,
  }
  await fleet.commit({ do: 'create-template', template })
  return fleet
}

function codeOf(answer: Answer): string {
  return `${String(answer['at'])} ${String(answer['statusCode'])} ${String(answer['errorCode'])}`
}

test('a token provisions one certificate for one request, over the identity that asked', async (context) => {
  const fleet = await newFleet(context)
  const { token, id } = await fleet.offered()
  assert.equal((await fleet.scoped.certificate(id))?.status, 'PENDING_ACTIVATION')
  const other = { certificateId: certificateId('d'.repeat(64)) }
  assert.equal(codeOf(await fleet.provision(token, 'm1', other)), 'rejected 400 InvalidCertificateOwnershipToken')
  const accepted = { at: 'accepted', deviceConfiguration: { site: 'lab' }, thingName: 'm1' }
  assert.deepEqual(await fleet.provision(token, 'm1'), accepted)
  assert.equal((await fleet.scoped.certificate(id))?.status, 'ACTIVE')
  assert.deepEqual(await fleet.provision(token, 'm1'), accepted, 'the answer was lost: the same request again')
  assert.equal(codeOf(await fleet.provision(token, 'm2')), 'rejected 400 InvalidCertificateOwnershipToken')
  assert.equal(await fleet.scoped.thing('m2'), undefined)
})

test('CBOR is answered in CBOR, and names that JavaScript treats as its own are names', async (context) => {
  const fleet = await newFleet(context)
  const made = await fleet.ask('$aws/certificates/create/cbor', new Uint8Array())
  assert.equal(made['at'], 'accepted')
  const parameters = new Map([
    ['SerialNumber', 'm1'],
    ['__proto__', 'x'],
  ])
  const payload = encode({ certificateOwnershipToken: made['certificateOwnershipToken'], parameters })
  const answer = await fleet.ask('$aws/provisioning-templates/meters/provision/cbor', payload)
  assert.equal(answer['thingName'], 'm1')
})

test('a token that has expired says so, and its certificate goes unless it was used', async (context) => {
  const fleet = await newFleet(context)
  const [used, unused] = [await fleet.offered(), await fleet.offered()]
  await fleet.provision(used.token, 'm1')
  fleet.now = instant(fleet.now + HOUR - 1)
  assert.equal(await fleet.sweep(), 0)
  fleet.now = instant(fleet.now + 1)
  const expired = await fleet.provision(unused.token, 'm2')
  assert.match(String(expired['errorMessage']), /expired/)
  assert.equal(await fleet.sweep(), 2)
  assert.equal(await fleet.scoped.certificate(unused.id), undefined)
  assert.equal((await fleet.scoped.certificate(used.id))?.status, 'ACTIVE')
  assert.equal(codeOf(await fleet.provision(used.token, 'm1')), 'rejected 400 InvalidCertificateOwnershipToken')
})

test('an allow-list lets each of its serial numbers in once, until it is allowed again', async (context) => {
  const fleet = await newFleet(context)
  const list = { name: 'batch', templateName: 'meters', parameter: 'SerialNumber', once: true, createdAt: fleet.now }
  const allow: Change = { do: 'allow-values', list: 'batch', values: ['m1'] }
  await fleet.commit({ do: 'create-allow-list', list }, allow)
  assert.equal(codeOf(await fleet.provision((await fleet.offered()).token, 'm2')), 'rejected 403 ACCESS_DENIED')
  assert.equal(await fleet.scoped.thing('m2'), undefined)
  const { token } = await fleet.offered()
  assert.equal((await fleet.provision(token, 'm1'))['at'], 'accepted')
  assert.equal((await fleet.provision(token, 'm1'))['at'], 'accepted')
  const stolen = await fleet.provision((await fleet.offered()).token, 'm1')
  assert.match(String(stolen['errorMessage']), /was used for certificate/)
  await fleet.commit(allow)
  assert.equal((await fleet.provision((await fleet.offered()).token, 'm1'))['at'], 'accepted')
})

test('a certificate that is revoked while its hook is asked stays revoked', async (context) => {
  const callHook: CallHook = async (_scope, _arn, { certificateId: id }) => {
    const revoked = certificateId(id)
    assert.ok(revoked)
    const change = { do: 'set-certificate-status', id: revoked, from: ['PENDING_ACTIVATION'], to: 'REVOKED' } as const
    await fleet.commit({ ...change, at: fleet.now })
    return { outcome: 'answered', answer: { allowProvisioning: true } }
  }
  const fleet = await newFleet(context, { hookOf: () => 'arn', callHook })
  const { token, id } = await fleet.offered()
  await fleet.provision(token, 'm1')
  assert.equal((await fleet.scoped.certificate(id))?.status, 'REVOKED')
})

test('a hook allows by true and by nothing else, and its overrides win', async (context) => {
  let answer: Awaited<ReturnType<CallHook>> = { outcome: 'slow' }
  const events: unknown[] = []
  const callHook: CallHook = async (_scope, _arn, event) => {
    events.push(event.parameters)
    return answer
  }
  const fleet = await newFleet(context, { hookOf: () => 'arn', callHook })
  const refused: unknown[] = [undefined, 'yes', {}, { allowProvisioning: 'true' }, { allowProvisioning: false }, [true]]
  const { token } = await fleet.offered()
  assert.equal(codeOf(await fleet.provision(token, 'm1')), 'rejected 403 ACCESS_DENIED')
  answer = { outcome: 'failed', why: 'it threw' }
  assert.equal(codeOf(await fleet.provision(token, 'm1')), 'rejected 403 ACCESS_DENIED')
  for (const given of refused) {
    answer = { outcome: 'answered', answer: given }
    assert.equal(codeOf(await fleet.provision(token, 'm1')), 'rejected 403 ACCESS_DENIED', JSON.stringify(given))
  }
  answer = { outcome: 'answered', answer: { allowProvisioning: true, parameterOverrides: { Site: 'north' } } }
  const accepted = await fleet.provision(token, 'm1')
  assert.deepEqual(accepted['deviceConfiguration'], { site: 'north' })
  assert.deepEqual(events.at(-1), { SerialNumber: 'm1' })
})

for (const existingThings of ['bind', 'replace', 'refuse'] as const) {
  test(`a thing that has another certificate is never bound in silence: ${existingThings}`, async (context) => {
    const fleet = await newFleet(context, { existingThings })
    const first = await fleet.offered()
    await fleet.provision(first.token, 'm1')
    const second = await fleet.offered()
    const answer = await fleet.provision(second.token, 'm1')
    assert.equal(fleet.taken.length, 1)
    assert.equal(answer['at'], existingThings === 'refuse' ? 'rejected' : 'accepted')
    const principals = (await fleet.scoped.principalsOfThing('m1')).map((one) => one.certificateId)
    const expected = { bind: [first.id, second.id], replace: [second.id], refuse: [first.id] }[existingThings]
    assert.deepEqual(principals.toSorted(), expected.toSorted())
    const status = (await fleet.scoped.certificate(first.id))?.status
    assert.equal(status, existingThings === 'replace' ? 'INACTIVE' : 'ACTIVE')
  })
}

for (const sameKey of ['add', 'replace'] as const) {
  const who = sameKey === 'add' ? 'another' : 'itself'
  test(`a reset device that asks again with its key is ${who}`, async (context) => {
    const fleet = await newFleet(context, { sameKey })
    const list = { name: 'batch', templateName: 'meters', parameter: 'SerialNumber', once: true, createdAt: fleet.now }
    await fleet.commit({ do: 'create-allow-list', list }, { do: 'allow-values', list: 'batch', values: ['m1'] })
    const [first, second, thief] = [await fleet.offered(), await fleet.offered(), await fleet.offered()]
    context.after(() => keys.clear())
    for (const { id } of [first, second]) keys.set(`pem of ${id}`, 'the key in the element')
    assert.equal((await fleet.provision(first.token, 'm1'))['at'], 'accepted')
    assert.equal(codeOf(await fleet.provision(thief.token, 'm1')), 'rejected 403 ACCESS_DENIED')
    const again = await fleet.provision(second.token, 'm1')
    const principals = (await fleet.scoped.principalsOfThing('m1')).map((one) => one.certificateId)
    const status = (await fleet.scoped.certificate(first.id))?.status
    const seen = [again['at'], principals, status, fleet.taken.length]
    if (sameKey === 'add') assert.deepEqual(seen, ['rejected', [first.id], 'ACTIVE', 0])
    else assert.deepEqual(seen, ['accepted', [second.id], 'INACTIVE', 0])
    assert.equal(codeOf(await fleet.provision(thief.token, 'm1')), 'rejected 403 ACCESS_DENIED')
  })
}

test('a device that rotates with its own certificate takes nothing from anybody', async (context) => {
  const fleet = await newFleet(context, { existingThings: 'refuse' })
  const first = await fleet.offered()
  await fleet.provision(first.token, 'm1')
  const own = { certificateId: first.id }
  const made = await fleet.ask(CREATE, {}, own)
  assert.equal((await fleet.provision(made['certificateOwnershipToken'], 'm1', own))['at'], 'accepted')
  assert.deepEqual(fleet.taken, [])
  assert.equal((await fleet.scoped.certificate(first.id))?.status, 'ACTIVE')
})

test('a template that is absent, of another type or disabled', async (context) => {
  const fleet = await newFleet(context)
  const other = PROVISION.replace('meters', 'none')
  assert.equal(codeOf(await fleet.ask(other, {})), 'rejected 404 ResourceNotFound')
})

test('arbitrary payloads are rejected in their own format, and nothing else comes of them', async (context) => {
  const fleet = await newFleet(context)
  const topics = [PROVISION, '$aws/provisioning-templates/meters/provision/cbor', '$aws/certificates/create/cbor']
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => new Uint8Array(Buffer.from(text))),
    fc.jsonValue().map((value) => encode(value)),
  )
  await fc.assert(
    fc.asyncProperty(payload, fc.constantFrom(...topics), async (bytes, topic) => {
      const answer = await fleet.ask(topic, bytes)
      if (topic.includes('certificates') && answer['at'] === 'accepted') return
      assert.equal(answer['at'], 'rejected')
      assert.notEqual(answer['statusCode'], 500)
    }),
  )
})

test('a connection has a few requests under way, and is told to wait for more', async (context) => {
  const fleet = await newFleet(context)
  const answers = await Promise.all(Array.from({ length: 6 }, () => fleet.ask(CREATE, {})))
  const rejected = answers.filter((answer) => answer['at'] === 'rejected')
  assert.deepEqual(
    rejected.map(codeOf),
    Array.from({ length: 2 }, () => 'rejected 429 Throttling'),
  )
  assert.equal((await fleet.ask(CREATE, {}))['at'], 'accepted')
})
