/** A dry run tells exactly what the run then does, and leaves the store as it was: 10,000 random templates. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  commitProvisioning,
  type ProvisioningInputs,
  type ProvisioningPlan,
  parseTemplate,
  planProvisioning,
  readExistingResources,
} from '@birthmark/cloud/provisioning'
import { sha256 } from '@birthmark/cloud/provisioning/adapters'
import { certificateId, type ScopedRegistry } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { Fault, instant, silentLog } from '@birthmark/foundation/kernel'
import fc from 'fast-check'

const NOW = instant(1_800_000_000_000)
const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const BLOCKS = 100
const CASES = 100

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
const value = fc.oneof(
  name,
  fc.constant({ Ref: 'P' }),
  fc.tuple(name, name).map((list) => ({ 'Fn::Join': ['-', [...list, { Ref: 'P' }]] })),
  fc.nat(1).map((index) => ({ 'Fn::Select': [String(index), { 'Fn::Split': ['-', { Ref: 'Q' }] }] })),
  fc.constant({ 'Fn::Sub': 'x${P}' }),
  fc.constantFrom('a', 'b', 'a', 'b', 'z').map((key) => ({ 'Fn::FindInMap': ['M', key, 'n'] })),
)
const override = fc.constantFrom('DO_NOTHING', 'REPLACE', 'DO_NOTHING', 'REPLACE', 'FAIL')
/** One that is there, and seldom one that is not. */
const word = (usual: string, absent: string): fc.Arbitrary<string> =>
  fc.constantFrom(...Array.from({ length: 12 }, () => usual), absent)
const group = word('spare', 'gone').chain((one) => fc.constantFrom(one, 'plant', 'hall-1', 'hall-2'))
const template = fc.record({
  ThingName: value,
  AttributePayload: fc.dictionary(fc.constantFrom('k', 'l'), value, { maxKeys: 2 }),
  thingOverride: fc.record({ AttributePayload: fc.oneof(override, fc.constant('MERGE')), ThingTypeName: override }),
  Status: fc.constantFrom('ACTIVE', 'Inactive'),
  ThingPrincipalType: fc.constantFrom('NON_EXCLUSIVE_THING', 'NON_EXCLUSIVE_THING', 'EXCLUSIVE_THING'),
  statusOverride: override,
  ThingGroups: fc.oneof(fc.constantFrom([], ['hall-1'], ['spare']), fc.array(group, { maxLength: 3 })),
  groupsOverride: fc.oneof(override, fc.constant('MERGE')),
  ThingTypeName: word('meter', 'pump'),
  BillingGroup: word('north', 'south'),
  policy: fc.oneof(
    fc.constantFrom('p1', 'p1', 'p1', 'absent').map((PolicyName) => ({ PolicyName })),
    fc.oneof(fc.constant('*'), value).map((Resource) => ({
      PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource }] },
    })),
  ),
})
const parameter = fc.constantFrom('a', 'b-c', 'c-d', 'a-b-c', 'ü')
const input = fc.record({
  template,
  certificate: fc.nat(2000),
  parameters: fc.record({ P: parameter, Q: parameter }, { requiredKeys: ['Q'] }),
})
type Case = typeof input extends fc.Arbitrary<infer Value> ? Value : never

function textOf({ template: given }: Case): string {
  const { ThingName, AttributePayload, ThingGroups, ThingTypeName, BillingGroup, Status, ThingPrincipalType, policy } =
    given
  const CertificateId = { Ref: 'AWS::IoT::Certificate::Id' }
  return JSON.stringify({
    Parameters: { P: { Type: 'String' }, Q: { Type: 'String', Default: 'q-r' } },
    Mappings: { M: { a: { n: 'north' }, b: { n: 'south' } } },
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: { ThingName, AttributePayload, ThingGroups, ThingTypeName, BillingGroup },
        OverrideSettings: { ...given.thingOverride, ThingGroups: given.groupsOverride },
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId, Status, ThingPrincipalType },
        OverrideSettings: { Status: given.statusOverride },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: policy },
    },
  })
}

/** Gives UUIDs that are the same in a dry run and in the run. */
function counter(): () => string {
  let count = 0
  return () => `uuid ${count++}`
}

function inputsOf({ certificate, parameters }: Case): ProvisioningInputs {
  const id = certificateId(certificate.toString(16).padStart(64, '0'))
  assert.ok(id)
  const moments = { notBefore: NOW, notAfter: NOW, createdAt: NOW, modifiedAt: NOW }
  return {
    parameters: new Map(Object.entries<string>(parameters)),
    certificate: {
      id,
      pem: '',
      status: 'PENDING_ACTIVATION',
      mode: 'DEFAULT',
      caId: undefined,
      ...moments,
      customerVersion: 1,
      generationId: 'g',
    },
    subject: [],
    scope: SCOPE,
    now: NOW,
    uuid: counter(),
    sha256,
  }
}

type Outcome = ProvisioningPlan | string

async function outcomeOf(run: () => Promise<ProvisioningPlan>): Promise<Outcome> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return `${error.code}: ${error.message}`
  }
}

function dryRun(scoped: ScopedRegistry, given: Case): Promise<Outcome> {
  return outcomeOf(async () => {
    const [parsed, inputs] = [parseTemplate(textOf(given), 'FLEET_PROVISIONING'), inputsOf(given)]
    return planProvisioning(parsed, inputs, await readExistingResources(scoped, parsed, inputs))
  })
}

function realRun(scoped: ScopedRegistry, given: Case): Promise<Outcome> {
  return outcomeOf(async () =>
    commitProvisioning(scoped, parseTemplate(textOf(given), 'FLEET_PROVISIONING'), inputsOf(given)),
  )
}

function hashOf(folder: string): string {
  const hash = createHash('sha256')
  for (const file of readdirSync(folder).toSorted()) {
    // The index of the write-ahead log is no content: readers mark their place in it.
    if (!file.endsWith('-shm')) hash.update(file).update(readFileSync(join(folder, file)))
  }
  return hash.digest('hex')
}

test('10,000 dry runs write nothing and tell what the runs then do', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-dry-run-'))
  const registry = await openSqliteRegistry({ folder, clock: { now: () => NOW }, log: silentLog })
  context.after(async () => {
    await registry.close()
    rmSync(folder, { recursive: true })
  })
  const scoped = registry.in(SCOPE)
  const document = '{"Version":"2012-10-17","Statement":[]}'
  const policy = { name: 'p1', document, defaultVersionId: '1', createdAt: NOW, modifiedAt: NOW, generationId: 'g' }
  const record = { id: 'u', description: undefined, version: 1, createdAt: NOW }
  await scoped.commit([
    { do: 'create-policy', policy },
    {
      do: 'create-thing-type',
      type: { ...record, name: 'meter', searchableAttributes: [], propagatingAttributes: [], deprecatedAt: undefined },
    },
    { do: 'create-billing-group', billingGroup: { ...record, name: 'north' } },
    ...[['plant'], ['hall-1', 'plant'], ['hall-2', 'plant'], ['spare']].map(
      ([name = '', parentName]) =>
        ({
          do: 'create-thing-group',
          group: { ...record, name, parentName, attributes: {}, query: undefined },
        }) as const,
    ),
  ])
  const tally = { planned: 0, refused: 0 }
  for (let block = 0; block < BLOCKS; block += 1) {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const cases = fc.sample(input, { numRuns: CASES, seed })
    const before = hashOf(folder)
    for (const given of cases) await dryRun(scoped, given)
    assert.equal(hashOf(folder), before, `seed ${seed}: the store is as it was`)
    for (const given of cases) {
      const expected = await dryRun(scoped, given)
      assert.deepEqual(await realRun(scoped, given), expected, `seed ${seed}: ${JSON.stringify(given)}`)
      tally[typeof expected === 'string' ? 'refused' : 'planned'] += 1
    }
  }
  assert.ok(tally.planned > 1000 && tally.refused > 1000, JSON.stringify(tally))
})
