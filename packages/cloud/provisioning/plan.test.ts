import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  describePlan,
  type ProvisioningPlan,
  parseTemplate,
  planProvisioning,
  wantedCertificate,
} from '@birthmark/cloud/provisioning'
import type { CertificateRecord, ThingPrincipal } from '@birthmark/cloud/registry'
import { isFault } from '@birthmark/foundation/kernel'
import { NOW, SCOPE } from './adapters/testing/devices.ts'
import { certificate, existingOf, groupsNamed, inputsOf, meter, plan, policy, thing } from './adapters/testing/plans.ts'
import type { ExistingResources } from './plan-model.ts'
import { COMMON_NAME, DOCUMENT, type Json, type TemplateParts, templateText } from './testing/templates.ts'

const id = { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } }

test('an unknown device gets everything, in the order of AWS IoT', () => {
  const made = plan({})
  assert.deepEqual(made.changes, [
    { do: 'register-certificate', certificate },
    {
      do: 'create-thing',
      thing: {
        name: 'press-7',
        id: 'uuid',
        typeName: undefined,
        attributes: { sn: 'SN-press-7' },
        version: 1,
        createdAt: NOW,
      },
    },
    { do: 'attach-policy', policyName: 'meter-policy', certificateId: certificate.id },
    { do: 'attach-thing-principal', thingName: 'press-7', certificateId: certificate.id, exclusive: false },
    { do: 'set-certificate-status', id: certificate.id, from: ['PENDING_ACTIVATION'], to: 'ACTIVE', at: NOW },
  ])
  assert.equal(made.thingName, 'press-7')
  assert.equal(made.status, 'ACTIVE')
  assert.deepEqual(made.resourceArns, {
    policy: 'arn:aws:iot:eu-central-1:111122223333:policy/meter-policy',
    thing: 'arn:aws:iot:eu-central-1:111122223333:thing/press-7',
    certificate: `arn:aws:iot:eu-central-1:111122223333:cert/${certificate.id}`,
  })
  assert.equal(made.explanation.length, 6)
  assert.match(
    plan({}, { inputs: { scope: { ...SCOPE, region: 'cn-north-1' } } }).resourceArns['thing'] ?? '',
    /^arn:aws-cn:/,
  )
})

test('a dry run tells what would change', () => {
  const existing = {
    certificate,
    thingType: meter,
    groups: groupsNamed(['new']),
    groupsOfThing: groupsNamed(['old']),
    thing: { ...thing, attributes: { a: '1', sn: '1', z: '3' } },
  }
  const parts = {
    thing: {
      ThingName: { Ref: COMMON_NAME },
      AttributePayload: { a: '2', b: 'x', sn: '1' },
      ThingTypeName: 'meter',
      ThingGroups: ['new'],
    },
    thingOverrides: { AttributePayload: 'REPLACE', ThingTypeName: 'REPLACE', ThingGroups: 'REPLACE' },
    policy: { PolicyDocument: DOCUMENT },
  }
  const name = plan(parts, { existing: { thingType: meter, groups: groupsNamed(['new']) } }).resourceArns[
    'policy'
  ]?.split('/')[1]
  assert.match(name ?? '', /^[0-9A-F]{40}$/, 'developer guide, Provisioning templates: the name is a hash')
  assert.deepEqual(describePlan(plan(parts, { existing }), existingOf({ existing })), [
    '~ thing press-7 of type meter',
    '    ~ a = 1 -> 2',
    '    + b = x',
    '    - z = 3',
    '- thing press-7 in thing group old',
    '+ thing press-7 in thing group new',
    `+ policy ${name}: ${JSON.stringify(DOCUMENT)}`,
    `+ policy ${name} on certificate ${certificate.id}`,
    `+ certificate ${certificate.id} on thing press-7`,
    `~ certificate ${certificate.id}: PENDING_ACTIVATION -> ACTIVE`,
  ])
  const done: ExistingResources = {
    ...existingOf({}),
    certificate: { ...certificate, status: 'ACTIVE' },
    thing: { ...thing, attributes: { sn: 'SN-press-7' } },
    policies: [policy],
    attachedPolicies: ['meter-policy'],
    attachedThings: [{ thingName: 'press-7', certificateId: certificate.id, exclusive: false }],
  }
  assert.deepEqual(describePlan(plan({}, { existing: done }), done), [])
})

test('expressions become texts', () => {
  const join = (list: readonly Json[]): Json => ({ 'Fn::Join': ['_', list] })
  const rows: readonly (readonly [string, Json, string])[] = [
    ['Ref', { Ref: COMMON_NAME }, 'press-7'],
    ['the id', { Ref: 'AWS::IoT::Certificate::Id' }, certificate.id],
    ['Join', join(['a', { Ref: COMMON_NAME }, 'b']), 'a_press-7_b'],
    ['Join of nothing', join([]), ''],
    ['Split and Select', { 'Fn::Select': ['1', { 'Fn::Split': ['-', { Ref: COMMON_NAME }] }] }, '7'],
    ['Select by parameter', { 'Fn::Select': [{ Ref: 'n' }, ['a', 'b', 'c']] }, 'c'],
    ['FindInMap', { 'Fn::FindInMap': ['m', 'k', { 'Fn::Sub': 'n' }] }, 'found'],
    ['Sub', { 'Fn::Sub': 'x-${AWS::IoT::Certificate::CommonName}-${n}' }, 'x-press-7-2'],
    ['Sub with names', { 'Fn::Sub': ['${a}${a}-${n}', { a: join(['p', 'q']), n: 'own' }] }, 'p_qp_q-own'],
    [
      'Sub with literals',
      { 'Fn::Sub': '${!x} ${iot:ClientId} ${aws:SourceIp} ${*} $ {}' },
      '${x} ${iot:ClientId} ${aws:SourceIp} ${*} $ {}',
    ],
    ['a value is not read again', { 'Fn::Sub': ['${a}', { a: '${n}' }] }, '${n}'],
  ]
  for (const [why, expression, expected] of rows) {
    const parts = {
      parameters: { [COMMON_NAME]: { Type: 'String' }, n: { Type: 'String', Default: '2' } },
      thing: { ThingName: 'a' },
      mappings: { m: { k: { n: 'found' } } },
      configuration: { value: expression },
    }
    assert.deepEqual({ ...plan(parts).deviceConfiguration }, { value: expected }, why)
  }
})

test('policy variables survive in a document, in every spelling of it', () => {
  const text = JSON.stringify(DOCUMENT)
  const resource = 'arn:aws:iot:eu-central-1:111122223333:client/${iot:Connection.Thing.ThingName}'
  const statement = {
    Effect: 'Allow',
    Action: 'iot:Connect',
    Resource: { 'Fn::Sub': `${resource}-\${${COMMON_NAME}}` },
  }
  const documents = [DOCUMENT, text, { 'Fn::Sub': text }, { Version: '2012-10-17', Statement: [statement] }]
  const made = documents.map((PolicyDocument) => {
    const change = plan({ policy: { PolicyDocument } }).changes.find((change) => change.do === 'create-policy')
    return change?.do === 'create-policy' ? change.policy.document : ''
  })
  assert.deepEqual(made.slice(0, 3), [text, text, text])
  assert.ok(made[3]?.includes('client/${iot:Connection.Thing.ThingName}-press-7"'))
})

test('a document is created once and reused, whatever became of it since', () => {
  const parts = { policy: { PolicyDocument: DOCUMENT } }
  const name = plan(parts).resourceArns['policy']?.split('/')[1] ?? ''
  for (const document of [JSON.stringify(DOCUMENT), '{"changed":""}']) {
    const again = plan(parts, { existing: { policies: [{ ...policy, name, document }] } })
    assert.ok(!again.changes.some((change) => change.do === 'create-policy'))
    assert.equal(
      again.explanation.some((line) => line.includes('given since')),
      document !== JSON.stringify(DOCUMENT),
    )
  }
})

test('OverrideSettings decide what happens to a thing that exists', () => {
  const rows: readonly (readonly [string, string, object | string])[] = [
    ['DO_NOTHING', 'DO_NOTHING', { a: '1', type: 'old' }],
    ['REPLACE', 'DO_NOTHING', { b: '2', type: 'old' }],
    ['MERGE', 'DO_NOTHING', { a: '1', b: '2', type: 'old' }],
    ['DO_NOTHING', 'REPLACE', { a: '1', type: 'meter' }],
    ['MERGE', 'REPLACE', { a: '1', b: '2', type: 'meter' }],
    ['FAIL', 'DO_NOTHING', 'AttributePayload'],
    ['DO_NOTHING', 'FAIL', 'ThingTypeName'],
  ]
  for (const [attributes, type, expected] of rows) {
    const run = (): ProvisioningPlan =>
      plan(
        {
          thing: { ThingName: 'press-7', AttributePayload: { b: '2' }, ThingTypeName: 'meter' },
          thingOverrides: { AttributePayload: attributes, ThingTypeName: type },
        },
        { existing: { thing, thingType: meter } },
      )
    if (typeof expected === 'string') {
      assert.throws(
        run,
        (error) => isFault(error, 'PROVISIONING_RESOURCE_CONFLICT') && error.message.includes(expected),
      )
      continue
    }
    const update = run().changes.find((change) => change.do === 'update-thing')
    const after =
      update?.do === 'update-thing' ? { ...update.attributes, type: update.typeName } : { a: '1', type: 'old' }
    assert.deepEqual(after, expected)
    if (update?.do === 'update-thing') assert.equal(update.expectedVersion, 4)
  }
})

test('a thing joins and leaves groups as its OverrideSettings say', () => {
  const moves = (override: string | undefined, isThere = true): readonly string[] =>
    plan(
      {
        thing: { ThingName: 'press-7', ThingGroups: ['new', 'kept', 'new'] },
        ...(override === undefined ? {} : { thingOverrides: { THING_GROUPS: override } }),
      },
      {
        existing: {
          ...(isThere ? { thing, groupsOfThing: groupsNamed(['old', 'kept']) } : {}),
          groups: groupsNamed(['new', 'kept']),
        },
      },
    ).changes.flatMap((change) => {
      if (change.do === 'add-to-thing-group') return [`+${change.groupName}`]
      return change.do === 'remove-from-thing-group' ? [`-${change.groupName}`] : []
    })
  assert.deepEqual(moves(undefined, false), ['+new', '+kept'])
  assert.deepEqual(moves('FAIL', false), ['+new', '+kept'], 'nothing of it exists')
  assert.deepEqual(moves(undefined), [])
  assert.deepEqual(moves('DO_NOTHING'), [])
  assert.deepEqual(moves('MERGE'), ['+new'])
  assert.deepEqual(moves('REPLACE'), ['-old', '+new'])
})

test('a new thing has the billing group of the template; one that exists keeps its own', () => {
  const parts = { thing: { ThingName: 'press-7', BillingGroup: 'north' } }
  const created = plan(parts, { existing: { hasBillingGroup: true } }).changes.find(
    ({ do: what }) => what === 'create-thing',
  )
  assert.equal(created?.do === 'create-thing' && created.thing.billingGroupName, 'north')
  const doings = plan(parts, { existing: { thing, hasBillingGroup: true } }).changes.map((change) => change.do)
  assert.ok(!doings.includes('update-thing'))
})

test('what is found out when a template is run is said with its line and column', () => {
  const place = '$.Resources.t.Properties.ThingName (line 4, column 17)'
  const template = parseTemplate(
    '{\n "Resources": {\n  "t": {"Type": "AWS::IoT::Thing", "Properties": {\n   "ThingName": "a b"}},\n' +
      '  "c": {"Type": "AWS::IoT::Certificate",\n' +
      '   "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}}',
    'JITP',
  )
  assert.throws(
    () => planProvisioning(template, inputsOf({}), existingOf({})),
    (error) => isFault(error) && error.message.startsWith(`${place} becomes "a b", which is not 1 to 128 of a-z`),
  )
})

test('REPLACE takes away what the template does not have', () => {
  const parts = {
    thing: { ThingName: 'press-7', AttributePayload: {} },
    thingOverrides: { AttributePayload: 'REPLACE' },
  }
  const update = plan(parts, { existing: { thing } }).changes.find((change) => change.do === 'update-thing')
  assert.deepEqual(update?.do === 'update-thing' && update.attributes, {})
})

test('OverrideSettings decide about the status, except while it is pending', () => {
  const statusOf = (parts: TemplateParts, status: CertificateRecord['status']): string =>
    plan(parts, { existing: { certificate: { ...certificate, status } } }).status
  const inactive = { certificate: { ...id, Status: 'inactive' } }
  assert.equal(
    statusOf({ certificate: id }, 'PENDING_ACTIVATION'),
    'ACTIVE',
    'ACTIVE unless the template says otherwise',
  )
  assert.equal(statusOf(inactive, 'PENDING_ACTIVATION'), 'INACTIVE')
  assert.equal(statusOf({ ...inactive, certificateOverrides: { Status: 'FAIL' } }, 'PENDING_ACTIVATION'), 'INACTIVE')
  assert.equal(statusOf(inactive, 'ACTIVE'), 'ACTIVE')
  assert.equal(statusOf({ ...inactive, certificateOverrides: { Status: 'REPLACE' } }, 'ACTIVE'), 'INACTIVE')
  assert.equal(statusOf({}, 'REVOKED'), 'REVOKED')
})

test('an exclusive attachment replaces a loose one of the same pair', () => {
  const parts = { certificate: { ...id, ThingPrincipalType: 'EXCLUSIVE_THING' } }
  const pair = { thingName: 'press-7', certificateId: certificate.id }
  const attachment = (exclusive: boolean): ThingPrincipal => ({ ...pair, exclusive })
  const changes = (existing: ThingPrincipal): readonly string[] =>
    plan(parts, { existing: { attachedThings: [existing] } })
      .changes.map((change) => change.do)
      .filter((name) => name.includes('principal'))
  assert.deepEqual(changes(attachment(false)), ['detach-thing-principal', 'attach-thing-principal'])
  assert.deepEqual(changes(attachment(true)), [])
})

test('what RegisterThing says about the origin of its certificate', () => {
  const wanted = (certificate: TemplateParts['certificate'] & {}, parameters: Readonly<Record<string, string>> = {}) =>
    wantedCertificate(
      parseTemplate(
        templateText({
          parameters: { p: { Type: 'String' }, q: { Type: 'String', Default: 'd' } },
          thing: { ThingName: 'a' },
          certificate,
        }),
        'REGISTER_THING',
      ),
      new Map(Object.entries(parameters)),
    )
  assert.deepEqual(wanted({ CertificateId: { Ref: 'p' } }, { p: 'x' }), { by: 'id', id: 'x' })
  assert.deepEqual(wanted({ CertificatePem: { Ref: 'q' } }), { by: 'pem', pem: 'd', caPem: undefined })
  assert.deepEqual(wanted({ CertificatePem: 'a', CACertificatePem: 'b' }), { by: 'pem', pem: 'a', caPem: 'b' })
  assert.deepEqual(wanted({ CertificateSigningRequest: 'c' }), { by: 'csr', csr: 'c' })
  assert.throws(
    () => wanted({ CertificateId: { Ref: 'p' } }),
    (error) => isFault(error, 'PROVISIONING_PARAMETER_MISSING'),
  )
})
