import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type ProvisioningInputs,
  type ProvisioningPlan,
  parseTemplate,
  planProvisioning,
  readExistingResources,
} from '@birthmark/cloud/provisioning'
import type { CertificateRecord, Change, ScopedRegistry } from '@birthmark/cloud/registry'
import { Fault } from '@birthmark/foundation/kernel'
import * as fc from 'fast-check'
import { policyNamed, SCOPE, subjectOf, withRegistry } from './adapters/testing/devices.ts'
import { certificate, inputsOf, meter } from './adapters/testing/plans.ts'
import { DOCUMENT, type TemplateParts, templateText } from './testing/templates.ts'

test('a plan can be committed as it is, and after that the same template plans nothing', () =>
  withRegistry(async (registry) => {
    let account = 0
    const property = fc.asyncProperty(
      PARTS,
      fc.array(GIVEN, { maxLength: 4 }),
      STATUS,
      async (parts, given, status) => {
        account += 1
        const scope = { ...SCOPE, account: String(account).padStart(12, '0') }
        const scoped = registry.in(scope)
        await prepare(scoped, given, status)
        const inputs = { ...inputsOf({}), scope, subject: subjectOf('press-7') }
        const first = await planned(scoped, parts, inputs)
        if (first instanceof Fault) {
          assert.match(first.code, /^PROVISIONING_/)
          return
        }
        assert.deepEqual(await planned(scoped, parts, inputs), first, 'the same question has the same answer')
        assert.deepEqual(await scoped.commit(first.changes), { ok: true })
        const second = await planned(scoped, parts, inputs)
        assert.ok(!(second instanceof Fault))
        assert.deepEqual({ ...second, explanation: [] }, { ...first, changes: [], explanation: [] })
        assert.equal((await scoped.certificate(certificate.id))?.status, first.status)
      },
    )
    await fc.assert(property, { numRuns: 300 })
  }))

async function planned(
  scoped: ScopedRegistry,
  parts: TemplateParts,
  inputs: ProvisioningInputs,
): Promise<ProvisioningPlan | Fault> {
  try {
    const template = parseTemplate(templateText(parts), 'JITP')
    return planProvisioning(template, inputs, await readExistingResources(scoped, template, inputs))
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
}

async function prepare(
  scoped: ScopedRegistry,
  given: readonly Change[],
  status: CertificateRecord['status'] | undefined,
): Promise<void> {
  await scoped.commit([policyNamed('meter-policy'), { do: 'create-thing-type', type: meter }, ...GROUPS])
  if (status !== undefined) {
    await scoped.commit([{ do: 'register-certificate', certificate: { ...certificate, status } }])
  }
  for (const change of given) await scoped.commit([change])
}

const STATUS = fc.constantFrom(undefined, 'PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED')
const WORD = fc.constantFrom('a', 'b', '')
const ATTRIBUTES = fc.dictionary(fc.constantFrom('sn', 'site', '__proto__'), WORD, { maxKeys: 3 })
const TYPE = fc.constantFrom('meter', 'pump')
/** `hall-1` and `hall-2` are below `plant`. */
const GROUPS: readonly Change[] = [['plant'], ['hall-1', 'plant'], ['hall-2', 'plant'], ['spare']].map(
  ([name = '', parentName]) => ({
    do: 'create-thing-group',
    group: {
      name,
      id: 'u',
      parentName,
      description: undefined,
      attributes: {},
      query: undefined,
      version: 1,
      createdAt: certificate.createdAt,
    },
  }),
)
const GROUP = fc.constantFrom('plant', 'hall-1', 'hall-2', 'spare')
const OVERRIDE = fc.constantFrom('DO_NOTHING', 'REPLACE', 'FAIL')
const CERTIFICATE_ID = { Ref: 'AWS::IoT::Certificate::Id' }

const PARTS: fc.Arbitrary<TemplateParts> = fc.record({
  thing: fc.record(
    {
      ThingName: fc.constantFrom('press-7', 'other'),
      AttributePayload: ATTRIBUTES,
      ThingTypeName: TYPE,
      ThingGroups: fc.array(GROUP, { maxLength: 2 }),
    },
    { requiredKeys: ['ThingName'] },
  ),
  thingOverrides: fc.record(
    {
      AttributePayload: fc.oneof(OVERRIDE, fc.constant('MERGE')),
      THING_TYPE_NAME: OVERRIDE,
      ThingGroups: fc.oneof(OVERRIDE, fc.constant('MERGE')),
    },
    { requiredKeys: [] },
  ),
  certificate: fc.record(
    {
      CertificateId: fc.constant(CERTIFICATE_ID),
      Status: fc.constantFrom('ACTIVE', 'inactive'),
      ThingPrincipalType: fc.constantFrom('EXCLUSIVE_THING', 'NON_EXCLUSIVE_THING'),
    },
    { requiredKeys: ['CertificateId'] },
  ),
  certificateOverrides: fc.record({ Status: OVERRIDE }, { requiredKeys: [] }),
  policy: fc.constantFrom({ PolicyName: 'meter-policy' }, { PolicyName: 'unknown' }, { PolicyDocument: DOCUMENT }),
})

const GIVEN: fc.Arbitrary<Change> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom('press-7', 'other'),
      attributes: ATTRIBUTES,
      typeName: fc.option(TYPE, { nil: undefined }),
    })
    .map(
      (thing) =>
        ({ do: 'create-thing', thing: { ...thing, id: 'u', version: 3, createdAt: certificate.createdAt } }) as const,
    ),
  fc
    .record({ thingName: fc.constant('press-7'), groupName: GROUP })
    .map((pair) => ({ do: 'add-to-thing-group', ...pair }) as const),
  fc.constant({ do: 'attach-policy', policyName: 'meter-policy', certificateId: certificate.id } as const),
  fc
    .record({ thingName: fc.constantFrom('press-7', 'other'), exclusive: fc.boolean() })
    .map((pair) => ({ do: 'attach-thing-principal', ...pair, certificateId: certificate.id }) as const),
)
