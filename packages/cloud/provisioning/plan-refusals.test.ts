import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ThingPrincipal } from '@birthmark/cloud/registry'
import { isFault } from '@birthmark/foundation/kernel'
import { NOW, subjectOf } from './adapters/testing/devices.ts'
import { certificate, type Given, groupsNamed, meter, plan, thing } from './adapters/testing/plans.ts'
import { VALUE_CHARACTERS_MAX } from './evaluate.ts'
import type { PROVISIONING_FAULTS } from './faults.ts'
import { COMMON_NAME, type Json, type TemplateParts } from './testing/templates.ts'

const id = { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } }
const other: ThingPrincipal = { thingName: 'other', certificateId: certificate.id, exclusive: false }
const TEN = Array.from({ length: 10 }, (_, n) => `g${n}`)
const select = (index: string) => ({
  thing: { ThingName: { 'Fn::Select': [index, { 'Fn::Split': ['-', { Ref: COMMON_NAME }] }] } },
})

type Refusal = readonly [
  why: string,
  parts: TemplateParts,
  given: Given,
  code: keyof typeof PROVISIONING_FAULTS,
  message: string,
]

const REFUSED: readonly Refusal[] = [
  [
    'no common name',
    {},
    { inputs: { subject: [] } },
    'PROVISIONING_SUBJECT_ATTRIBUTE_MISSING',
    `certificate ${certificate.id} has no CN`,
  ],
  [
    'an empty serial number',
    {},
    {
      inputs: {
        subject: [
          { type: 'CN', value: 'a' },
          { type: 'serialNumber', value: '' },
        ],
      },
    },
    'PROVISIONING_SUBJECT_ATTRIBUTE_MISSING',
    'AWS::IoT::Certificate::SerialNumber',
  ],
  [
    'a Default does not help a subject',
    { parameters: { 'AWS::IoT::Certificate::Country': { Type: 'String', Default: 'DE' } }, thing: { ThingName: 'a' } },
    {},
    'PROVISIONING_SUBJECT_ATTRIBUTE_MISSING',
    'no C in',
  ],
  [
    'a parameter was not sent',
    { parameters: { sn: { Type: 'String' } }, thing: { ThingName: 'a' } },
    { kind: 'FLEET_PROVISIONING' },
    'PROVISIONING_PARAMETER_MISSING',
    '"sn"',
  ],
  [
    'a name with a space',
    {},
    { inputs: { subject: subjectOf('press 7') } },
    'PROVISIONING_VALUE_INVALID',
    'thing.Properties.ThingName becomes "press 7"',
  ],
  ['an empty name', { thing: { ThingName: '' } }, {}, 'PROVISIONING_VALUE_INVALID', 'ThingName becomes ""'],
  ['a long name', { thing: { ThingName: 'a'.repeat(129) } }, {}, 'PROVISIONING_VALUE_INVALID', 'a…"'],
  [
    'a type with a space',
    { thing: { ThingName: 'a', ThingTypeName: 'a b' } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'ThingTypeName',
  ],
  [
    'an attribute with a space',
    { thing: { ThingName: 'a', AttributePayload: { org: 'Acme Inc.' } } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'AttributePayload.org becomes "Acme Inc."',
  ],
  [
    'four attributes without a type',
    { thing: { ThingName: 'a', AttributePayload: { a: '', b: '', c: '', d: '' } } },
    {},
    'PROVISIONING_ATTRIBUTES_TOO_MANY',
    '4 attributes; 3',
  ],
  [
    'a policy name with a slash',
    { policy: { PolicyName: 'a/b' } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'PolicyName becomes "a/b"',
  ],
  [
    'a type that is not there',
    { thing: { ThingName: 'a', ThingTypeName: 'meter' } },
    {},
    'PROVISIONING_RESOURCE_ABSENT',
    'thing type meter of the template does not exist; $.Resources.thing.Properties.ThingTypeName names it',
  ],
  [
    'a type that is deprecated',
    { thing: { ThingName: 'a', ThingTypeName: 'meter' } },
    { existing: { thingType: { ...meter, deprecatedAt: NOW } } },
    'PROVISIONING_RESOURCE_UNUSABLE',
    'it is deprecated',
  ],
  [
    'a billing group that is not there',
    { thing: { ThingName: 'a', BillingGroup: 'north' } },
    {},
    'PROVISIONING_RESOURCE_ABSENT',
    'billing group north',
  ],
  [
    'a group that is not there',
    { thing: { ThingName: 'a', ThingGroups: ['plant-7'] } },
    {},
    'PROVISIONING_RESOURCE_ABSENT',
    'thing group plant-7',
  ],
  [
    'a group of a query',
    { thing: { ThingName: 'a', ThingGroups: ['plant-7'] } },
    { existing: { groups: [{ name: 'plant-7', isDynamic: true, root: 'plant-7' }] } },
    'PROVISIONING_RESOURCE_UNUSABLE',
    'it is dynamic',
  ],
  [
    'a group with a space',
    { thing: { ThingName: 'a', ThingGroups: ['plant 7'] } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'ThingGroups becomes "plant 7"',
  ],
  [
    'two groups of one hierarchy',
    { thing: { ThingName: 'a', ThingGroups: ['hall-1', 'hall-2'] } },
    { existing: { groups: groupsNamed(['hall-1', 'hall-2'], 'plant-7') } },
    'PROVISIONING_GROUPS_EXCLUSIVE',
    'have the same root plant-7',
  ],
  [
    'the eleventh group',
    { thing: { ThingName: 'press-7', ThingGroups: ['new'] }, thingOverrides: { ThingGroups: 'MERGE' } },
    { existing: { thing, groups: groupsNamed(['new']), groupsOfThing: groupsNamed(TEN) } },
    'PROVISIONING_GROUPS_TOO_MANY',
    '11 thing groups; 10',
  ],
  [
    'FAIL and other groups',
    { thing: { ThingName: 'press-7', ThingGroups: ['new'] }, thingOverrides: { ThingGroups: 'FAIL' } },
    { existing: { thing, groups: groupsNamed(['new']), groupsOfThing: groupsNamed(['old']) } },
    'PROVISIONING_RESOURCE_CONFLICT',
    'ThingGroups of thing press-7',
  ],
  ['no such policy', { policy: { PolicyName: 'p' } }, {}, 'PROVISIONING_POLICY_ABSENT', 'policy p of the template'],
  [
    'a document that a parameter spoils',
    {
      policy: {
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: { Effect: { Ref: COMMON_NAME }, Action: '*', Resource: '*' },
        },
      },
    },
    {},
    'PROVISIONING_POLICY_MALFORMED',
    'Effect',
  ],
  ['an index outside', select('2'), {}, 'PROVISIONING_SELECT_OUT_OF_RANGE', 'item "2" of a list with 2'],
  ['an index that is none', select('x'), {}, 'PROVISIONING_SELECT_OUT_OF_RANGE', '"x"'],
  ['an index with a sign', select('-1'), {}, 'PROVISIONING_SELECT_OUT_OF_RANGE', '"-1"'],
  [
    'no entry in the map',
    { mappings: { m: { k: { n: 'v' } } }, thing: { ThingName: { 'Fn::FindInMap': ['m', { Ref: COMMON_NAME }, 'n'] } } },
    {},
    'PROVISIONING_MAP_ENTRY_MISSING',
    '"press-7", "n" in map "m"',
  ],
  [
    'no entry, only the prototype has it',
    { mappings: { m: { k: { n: 'v' } } }, thing: { ThingName: { 'Fn::FindInMap': ['m', 'constructor', 'name'] } } },
    {},
    'PROVISIONING_MAP_ENTRY_MISSING',
    '"constructor"',
  ],
  [
    'a text that grows',
    { configuration: { a: growing(6) } },
    {},
    'PROVISIONING_VALUE_TOO_LONG',
    `${VALUE_CHARACTERS_MAX}`,
  ],
  [
    'a status from a parameter',
    { certificate: { ...id, Status: { Ref: COMMON_NAME } } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'Status becomes "press-7"',
  ],
  [
    'a principal type from a parameter',
    { certificate: { ...id, ThingPrincipalType: { Ref: COMMON_NAME } } },
    {},
    'PROVISIONING_VALUE_INVALID',
    'EXCLUSIVE_THING',
  ],
  [
    'FAIL and another status',
    { certificateOverrides: { Status: 'FAIL' } },
    { existing: { certificate: { ...certificate, status: 'INACTIVE' } } },
    'PROVISIONING_RESOURCE_CONFLICT',
    'the status of certificate',
  ],
  [
    'a revoked certificate',
    { certificateOverrides: { Status: 'REPLACE' } },
    { existing: { certificate: { ...certificate, status: 'REVOKED' } } },
    'PROVISIONING_CERTIFICATE_STATE',
    'is REVOKED',
  ],
  [
    'the eleventh policy',
    {},
    { existing: { attachedPolicies: Array.from({ length: 10 }, (_, n) => `p${n}`) } },
    'PROVISIONING_POLICY_LIMIT',
    '11 policies; 10',
  ],
  [
    'an exclusive wish, attached elsewhere',
    { certificate: { ...id, ThingPrincipalType: 'EXCLUSIVE_THING' } },
    { existing: { attachedThings: [other] } },
    'PROVISIONING_PRINCIPAL_EXCLUSIVE',
    'thing other',
  ],
  [
    'exclusively attached elsewhere',
    {},
    { existing: { attachedThings: [{ ...other, exclusive: true }] } },
    'PROVISIONING_PRINCIPAL_EXCLUSIVE',
    'thing other',
  ],
]

for (const [why, parts, given, code, message] of REFUSED) {
  test(`refuses ${why}: ${code}`, () => {
    assert.throws(
      () => plan(parts, given),
      (error) => isFault(error, code) && error.message.replaceAll(PLACE, '').includes(message),
    )
  })
}

/** Where in the template: the rows name the path only. */
const PLACE = / \(line \d+, column \d+\)/g

/** Each level repeats the one below a hundred times. */
function growing(levels: number): Json {
  return levels === 0 ? 'x' : { 'Fn::Sub': ['${a}'.repeat(100), { a: growing(levels - 1) }] }
}
