import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, isFault } from '@birthmark/foundation/kernel'
import * as fc from 'fast-check'
import type { PROVISIONING_FAULTS } from './faults.ts'
import { parseTemplate, TEMPLATE_CHARACTERS_MAX } from './parse-template.ts'
import type { TemplateKind } from './template.ts'
import { COMMON_NAME, DOCUMENT, type Json, type TemplateParts, templateText } from './testing/templates.ts'

const KINDS: readonly TemplateKind[] = ['JITP', 'FLEET_PROVISIONING', 'REGISTER_THING']
const id = { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } }
const named = (name: Json): TemplateParts => ({ thing: { ThingName: name } })
const maps = { sites: { lab: { url: 'https://lab.example' } } }

const ACCEPTED: readonly (readonly [string, TemplateParts, TemplateKind?])[] = [
  ['the plain one', {}],
  ['no parameters', { ...named('one'), parameters: {} }],
  ['the id needs no declaration', { ...named({ Ref: 'AWS::IoT::Certificate::Id' }) }],
  ['every parameter of a subject', { parameters: subjectParameters() }],
  ['an own parameter with a Default', { ...named('a'), parameters: { site: { Type: 'String', Default: 'lab' } } }],
  [
    'an own parameter in fleet provisioning',
    { ...named({ Ref: 'sn' }), parameters: { sn: { Type: 'String' } } },
    'FLEET_PROVISIONING',
  ],
  ['every function', { mappings: maps, thing: { ThingName: everyFunction() } }],
  ['a number as index', named({ 'Fn::Select': [0, ['a']] })],
  [
    'overrides as properties',
    { thingOverrides: { AttributePayload: 'MERGE', ThingTypeName: 'FAIL', ThingGroups: 'MERGE' } },
  ],
  ['overrides in capitals', { thingOverrides: { ATTRIBUTE_PAYLOAD: 'REPLACE', THING_TYPE_NAME: 'DO_NOTHING' } }],
  ['override of the status', { certificateOverrides: { STATUS: 'REPLACE' } }],
  ['a status in small letters', { certificate: { ...id, Status: 'Active' } }],
  ['an exclusive thing', { certificate: { ...id, ThingPrincipalType: 'EXCLUSIVE_THING' } }],
  ['a type', { thing: { ThingName: 'a', ThingTypeName: 'meter' } }],
  ['groups', { thing: { ThingName: 'a', ThingGroups: ['plant-7', { Ref: COMMON_NAME }], BillingGroup: 'north' } }],
  ['groups of a split text', { thing: { ThingName: 'a', ThingGroups: { 'Fn::Split': [',', { Ref: COMMON_NAME }] } } }],
  ['a document', { policy: { PolicyDocument: DOCUMENT } }],
  ['a document as a string', { policy: { PolicyDocument: JSON.stringify(DOCUMENT) } }],
  ['a document as a function', { policy: { PolicyDocument: { 'Fn::Sub': JSON.stringify(DOCUMENT) } } }],
  ['device configuration', { configuration: { url: 'https://x', cn: { Ref: COMMON_NAME } } }],
  ['a certificate by PEM', { certificate: { CertificatePem: 'x', CACertificatePem: 'y' } }, 'REGISTER_THING'],
  ['a certificate by CSR', { certificate: { CertificateSigningRequest: 'x' } }, 'REGISTER_THING'],
]

for (const [why, parts, kind] of ACCEPTED) {
  test(`accepts ${why}`, () => {
    assert.ok(parseTemplate(templateText(parts), kind ?? 'JITP'))
  })
}

type Refusal = readonly [
  why: string,
  parts: TemplateParts,
  code: keyof typeof PROVISIONING_FAULTS,
  message: string,
  kind?: TemplateKind,
]

const REFUSED: readonly Refusal[] = [
  ['parameters as a list', { parameters: [] }, 'TEMPLATE_VALUE_INVALID', '$.Parameters (line 1) must be an object'],
  ['a parameter without Type', { parameters: { [COMMON_NAME]: {} } }, 'TEMPLATE_MEMBER_MISSING', 'lacks Type'],
  [
    'a number',
    { parameters: { [COMMON_NAME]: { Type: 'Number' } } },
    'TEMPLATE_VALUE_INVALID',
    'CommonName.Type (line 1) must be String',
  ],
  [
    'a Default that is no text',
    { parameters: { a: { Type: 'String', Default: 1 } } },
    'TEMPLATE_VALUE_INVALID',
    'a.Default',
  ],
  [
    'an unknown member of a parameter',
    { parameters: { a: { Type: 'String', default: '' } } },
    'TEMPLATE_KEY_UNKNOWN',
    'a.default',
  ],
  [
    'a parameter that no first connection has',
    { parameters: { sn: { Type: 'String' } } },
    'TEMPLATE_PARAMETER_UNAVAILABLE',
    '$.Parameters.sn',
  ],
  [
    'a misspelt parameter',
    { parameters: { 'AWS::IoT::Certificate::Common': { Type: 'String' } } },
    'TEMPLATE_PARAMETER_UNAVAILABLE',
    'Common',
  ],
  [
    'an undeclared parameter',
    named({ Ref: 'AWS::IoT::Certificate::Country' }),
    'TEMPLATE_NAME_UNDECLARED',
    'ThingName.Ref',
  ],
  [
    'Ref of no name',
    named({ Ref: ['a'] }),
    'TEMPLATE_VALUE_INVALID',
    'ThingName.Ref (line 1) must be the name of a parameter',
  ],
  ['an unknown function', named({ 'Fn::Upper': 'a' }), 'TEMPLATE_FUNCTION_UNKNOWN', 'ThingName.Fn::Upper'],
  ['two functions', named({ Ref: COMMON_NAME, 'Fn::Sub': 'a' }), 'TEMPLATE_VALUE_INVALID', 'one function'],
  ['an empty object', named({}), 'TEMPLATE_VALUE_INVALID', 'one function'],
  ['a number as a name', named(7), 'TEMPLATE_VALUE_INVALID', 'a string or a function'],
  ['a list as a name', named(['a']), 'TEMPLATE_VALUE_INVALID', 'a string or a function'],
  ['Join of a text', named({ 'Fn::Join': ['-', 'a'] }), 'TEMPLATE_VALUE_INVALID', 'a list, or Fn::Split'],
  ['Join without a delimiter', named({ 'Fn::Join': [['a']] }), 'TEMPLATE_VALUE_INVALID', '[delimiter, list]'],
  ['a split text', named({ 'Fn::Split': ['-', 'a-b'] }), 'TEMPLATE_FUNCTION_MISPLACED', 'Fn::Select'],
  [
    'Split by nothing',
    named({ 'Fn::Select': ['0', { 'Fn::Split': ['', 'ab'] }] }),
    'TEMPLATE_VALUE_INVALID',
    'at least one character',
  ],
  ['Select from a Ref', named({ 'Fn::Select': ['0', { Ref: COMMON_NAME }] }), 'TEMPLATE_KEY_UNKNOWN', 'Fn::Split'],
  ['a negative index', named({ 'Fn::Select': [-1, ['a']] }), 'TEMPLATE_VALUE_INVALID', 'a whole number from 0'],
  ['half an index', named({ 'Fn::Select': [0.5, ['a']] }), 'TEMPLATE_VALUE_INVALID', 'a whole number from 0'],
  ['an undeclared map', named({ 'Fn::FindInMap': ['sites', 'a', 'b'] }), 'TEMPLATE_NAME_UNDECLARED', 'map "sites"'],
  [
    'a function in a map',
    { mappings: { a: { b: { c: { Ref: COMMON_NAME } } } } },
    'TEMPLATE_VALUE_INVALID',
    '$.Mappings.a.b.c',
  ],
  [
    'a shallow map',
    { mappings: { a: { b: 'c' } } },
    'TEMPLATE_VALUE_INVALID',
    '$.Mappings.a.b (line 1) must be an object',
  ],
  ['Sub of an undeclared name', named({ 'Fn::Sub': 'x-${y}' }), 'TEMPLATE_NAME_UNDECLARED', '"${y}"'],
  ['Sub of nothing', named({ 'Fn::Sub': 'x-${}' }), 'TEMPLATE_NAME_UNDECLARED', '"${}"'],
  ['Sub without an end', named({ 'Fn::Sub': 'x-${y' }), 'TEMPLATE_VALUE_INVALID', 'closed'],
  ['no name', { thing: { AttributePayload: {} } }, 'TEMPLATE_MEMBER_MISSING', 'lacks ThingName'],
  [
    'a misspelt property',
    { thing: { ThingName: 'a', Attributes: {} } },
    'TEMPLATE_KEY_UNKNOWN',
    'Properties.Attributes',
  ],
  [
    'an attribute with a space',
    { thing: { ThingName: 'a', AttributePayload: { 'a b': 'c' } } },
    'TEMPLATE_VALUE_INVALID',
    'named with',
  ],
  ['one thing group', { thing: { ThingName: 'a', ThingGroups: 'plant-7' } }, 'TEMPLATE_VALUE_INVALID', 'a list, or'],
  ['a number as group', { thing: { ThingName: 'a', ThingGroups: [7] } }, 'TEMPLATE_VALUE_INVALID', 'ThingGroups[0]'],
  ['two billing groups', { thing: { ThingName: 'a', BillingGroup: ['b'] } }, 'TEMPLATE_VALUE_INVALID', 'BillingGroup'],
  ['a type that merges', { thingOverrides: { ThingTypeName: 'MERGE' } }, 'TEMPLATE_VALUE_INVALID', 'DO_NOTHING or'],
  ['packages', { thing: { ThingName: 'a', PackageVersions: {} } }, 'TEMPLATE_NOT_IMPLEMENTED', 'software packages'],
  [
    'an unknown override',
    { thingOverrides: { AttributePayload: 'KEEP' } },
    'TEMPLATE_VALUE_INVALID',
    'OverrideSettings.AttributePayload',
  ],
  [
    'MERGE of a type',
    { thingOverrides: { ThingTypeName: 'MERGE' } },
    'TEMPLATE_VALUE_INVALID',
    'DO_NOTHING or REPLACE or FAIL',
  ],
  ['MERGE of a status', { certificateOverrides: { Status: 'MERGE' } }, 'TEMPLATE_VALUE_INVALID', 'Status'],
  ['a misspelt override', { thingOverrides: { Attributes: 'MERGE' } }, 'TEMPLATE_KEY_UNKNOWN', 'THING_TYPE_NAME'],
  [
    'an override in both spellings',
    { thingOverrides: { ThingTypeName: 'FAIL', THING_TYPE_NAME: 'FAIL' } },
    'TEMPLATE_KEY_REPEATED',
    'THING_TYPE_NAME',
  ],
  ['no CertificateId', { certificate: {} }, 'TEMPLATE_MEMBER_MISSING', 'lacks CertificateId'],
  [
    'another id',
    { certificate: { CertificateId: 'abc' } },
    'TEMPLATE_VALUE_INVALID',
    '{"Ref":"AWS::IoT::Certificate::Id"}',
  ],
  [
    'a PEM at a first connection',
    { certificate: { ...id, CertificatePem: 'x' } },
    'TEMPLATE_KEY_UNKNOWN',
    'CertificatePem',
  ],
  [
    'a CSR in fleet provisioning',
    { ...named('a'), certificate: { ...id, CertificateSigningRequest: 'x' } },
    'TEMPLATE_KEY_UNKNOWN',
    'Request',
    'FLEET_PROVISIONING',
  ],
  [
    'two origins',
    { certificate: { ...id, CertificatePem: 'x' } },
    'TEMPLATE_VALUE_INVALID',
    'exactly one of',
    'REGISTER_THING',
  ],
  [
    'a CA without a PEM',
    { certificate: { ...id, CACertificatePem: 'x' } },
    'TEMPLATE_VALUE_INVALID',
    'exactly one of',
    'REGISTER_THING',
  ],
  ['an unknown status', { certificate: { ...id, Status: 'REVOKED' } }, 'TEMPLATE_VALUE_INVALID', 'ACTIVE or INACTIVE'],
  [
    'an unknown principal type',
    { certificate: { ...id, ThingPrincipalType: 'ONE' } },
    'TEMPLATE_VALUE_INVALID',
    'EXCLUSIVE_THING',
  ],
  ['no policy', { policy: {} }, 'TEMPLATE_VALUE_INVALID', 'exactly one of PolicyName and PolicyDocument'],
  [
    'name and document',
    { policy: { PolicyName: 'a', PolicyDocument: DOCUMENT } },
    'TEMPLATE_VALUE_INVALID',
    'exactly one of',
  ],
  [
    'Join in a policy',
    { policy: { PolicyName: { 'Fn::Join': ['', ['a']] } } },
    'TEMPLATE_FUNCTION_MISPLACED',
    'use Fn::Sub',
  ],
  [
    'Join in a document',
    { policy: { PolicyDocument: { Statement: { Resource: { 'Fn::Join': ['', ['a']] } } } } },
    'TEMPLATE_FUNCTION_MISPLACED',
    'Fn::Join',
  ],
  [
    'a document that is none',
    { policy: { PolicyDocument: { Version: '2012-10-17' } } },
    'TEMPLATE_POLICY_MALFORMED',
    'Statement',
  ],
  ['a list as a document', { policy: { PolicyDocument: [DOCUMENT] } }, 'TEMPLATE_VALUE_INVALID', 'a policy document'],
  ['a document that is no JSON', { policy: { PolicyDocument: '{' } }, 'TEMPLATE_POLICY_MALFORMED', 'JSON'],
  [
    'nested configuration',
    { configuration: { a: { b: 'c' } } },
    'TEMPLATE_FUNCTION_UNKNOWN',
    '$.DeviceConfiguration.a.b',
  ],
]

for (const [why, parts, code, message, kind] of REFUSED) {
  test(`refuses ${why}: ${code}`, () => {
    const refuse = (): unknown => parseTemplate(templateText(parts), kind ?? 'JITP')
    assert.throws(
      refuse,
      (error) => isFault(error, code) && error.blame === 'caller' && withoutColumns(error.message).includes(message),
    )
  })
}

test('refuses whole templates', () => {
  const certificate = { Type: 'AWS::IoT::Certificate', Properties: id }
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: 'a' } }
  const rows: readonly (readonly [Json, string])[] = [
    [[], 'TEMPLATE_VALUE_INVALID'],
    [{}, 'TEMPLATE_MEMBER_MISSING'],
    [{ Resources: {} }, 'TEMPLATE_MEMBER_MISSING'],
    [{ Resources: { thing } }, 'TEMPLATE_MEMBER_MISSING'],
    [{ resources: {} }, 'TEMPLATE_KEY_UNKNOWN'],
    [{ Resources: { certificate }, Outputs: {} }, 'TEMPLATE_KEY_UNKNOWN'],
    [{ Resources: { certificate, thing, other: thing } }, 'TEMPLATE_RESOURCE_REPEATED'],
    [{ Resources: { certificate, other: certificate } }, 'TEMPLATE_RESOURCE_REPEATED'],
    [{ Resources: { certificate, group: { Type: 'AWS::IoT::ThingGroup', Properties: {} } } }, 'TEMPLATE_VALUE_INVALID'],
    [{ Resources: { certificate: { ...certificate, Condition: 'x' } } }, 'TEMPLATE_KEY_UNKNOWN'],
    [{ Resources: { certificate: { Type: certificate.Type } } }, 'TEMPLATE_MEMBER_MISSING'],
    [
      {
        Resources: {
          certificate,
          p: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'p' }, OverrideSettings: {} },
        },
      },
      'TEMPLATE_KEY_UNKNOWN',
    ],
    ['x'.repeat(TEMPLATE_CHARACTERS_MAX), 'TEMPLATE_TOO_LONG'],
  ]
  for (const [value, code] of rows) {
    assert.throws(
      () => parseTemplate(JSON.stringify(value), 'JITP'),
      (error) => isFault(error, code),
      JSON.stringify(value),
    )
  }
  assert.throws(
    () => parseTemplate('{"Resources":{\n"a":{"Type":\n"x"}}}', 'JITP'),
    /\$\.Resources\.a\.Type \(line 3, column 1\)/,
  )
})

test('arbitrary text and arbitrary JSON give a template or a declared fault; nothing else', () => {
  const words = fc.constantFrom(...WORDS)
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 7 }, words, fc.jsonValue({ maxDepth: 1 }), tie('list'), tie('object')),
    list: fc.array(tie('value'), { maxLength: 3 }),
    object: fc.dictionary(words, tie('value'), { maxKeys: 4 }),
  }))
  const resources = fc.dictionary(words, fc.record({ Type: words, Properties: value }), { maxKeys: 3 })
  const template = fc.record({ Resources: resources, Parameters: value }, { requiredKeys: ['Resources'] })
  const text = fc.oneof(
    fc.string(),
    value.map((json) => JSON.stringify(json)),
    template.map((json) => JSON.stringify(json)),
  )
  fc.assert(
    fc.property(text, fc.constantFrom(...KINDS), (input, kind) => {
      try {
        assert.equal(parseTemplate(input, kind).kind, kind)
      } catch (error) {
        assert.ok(
          error instanceof Fault && error.code.startsWith('TEMPLATE_') && error.blame === 'caller',
          String(error),
        )
        assert.ok(error.message.length < 800, 'what comes from the template is cut')
      }
    }),
    { numRuns: 2000 },
  )
})

/** Rows name lines; that columns are right is a test of its own. */
function withoutColumns(message: string): string {
  return message.replaceAll(/, column \d+\)/g, ')')
}

function subjectParameters(): Json {
  const names = [
    'Country',
    'Organization',
    'OrganizationalUnit',
    'DistinguishedNameQualifier',
    'StateName',
    'CommonName',
    'SerialNumber',
    'Id',
  ]
  return Object.fromEntries(names.map((name) => [`AWS::IoT::Certificate::${name}`, { Type: 'String' }]))
}

function everyFunction(): Json {
  return {
    'Fn::Join': [
      '-',
      [
        { 'Fn::Select': ['0', { 'Fn::Split': [':', { Ref: COMMON_NAME }] }] },
        { 'Fn::FindInMap': ['sites', { 'Fn::Sub': 'lab' }, 'url'] },
        { 'Fn::Sub': ['${a}-${!b}-${iot:ClientId}-${AWS::IoT::Certificate::Id}', { a: { Ref: COMMON_NAME } }] },
        { 'Fn::Join': ['', { 'Fn::Split': ['x', 'axb'] }] },
      ],
    ],
  }
}

/** What a template may hold, in places where it may not. */
const WORDS = (
  'Parameters Resources Mappings DeviceConfiguration Type Properties OverrideSettings Default String ThingName ' +
  'AttributePayload Status CertificateId PolicyName PolicyDocument Ref Fn::Sub Fn::Join Fn::Select ' +
  'Fn::FindInMap Fn::Split AWS::IoT::Thing AWS::IoT::Certificate AWS::IoT::Policy AWS::IoT::Certificate::Id ' +
  '__proto__ constructor ${a}'
).split(' ')
