import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paginateListThingPrincipals, paginateListThings } from '@aws-sdk/client-iot'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { type RefusalRow, refuses } from '../../../testing/testkit/refuses.ts'

const { client, authority } = await startTestControlPlane()

async function registeredCertificate(): Promise<string> {
  const certificatePem = (await authority.issueDevice()).toPem()
  const registered = await client.registerCertificateWithoutCA({ certificatePem })
  return registered.certificateArn!
}

test('a thing is created, described, changed and deleted', async () => {
  const thingName = 'press-7'
  const created = await client.createThing({ thingName, attributePayload: { attributes: { hall: '3' } } })
  assert.equal(created.thingArn, 'arn:aws:iot:eu-central-1:123456789012:thing/press-7')
  assert.match(created.thingId!, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const { $metadata, ...described } = await client.describeThing({ thingName })
  assert.deepEqual(described, {
    defaultClientId: thingName,
    thingName,
    thingId: created.thingId,
    thingArn: created.thingArn,
    attributes: { hall: '3' },
    version: 1,
  })
  assert.match($metadata.requestId!, /^[0-9a-f-]{36}$/)
  await client.deleteThing({ thingName, expectedVersion: 1 })
  await refuses(client.describeThing({ thingName }), 'ResourceNotFoundException', 404, /Thing press-7 cannot be found/)
})

test('creating a thing again succeeds with the same configuration only', async () => {
  const thingName = 'twice'
  const attributePayload = { attributes: { a: '1', __proto__x: '2' } }
  const first = await client.createThing({ thingName, attributePayload })
  const again = await client.createThing({ thingName, attributePayload })
  assert.equal(again.thingId, first.thingId)
  const other = client.createThing({ thingName, attributePayload: { attributes: { a: '2' } } })
  const refusal = await refuses(other, 'ResourceAlreadyExistsException', 409, /Thing twice already exists/)
  assert.deepEqual([refusal.resourceId, refusal.resourceArn], [first.thingId, first.thingArn])
})

test('an update replaces attributes, or merges them, and an empty value removes one', async () => {
  const thingName = 'updated'
  const attributesNow = async (): Promise<unknown> => (await client.describeThing({ thingName })).attributes
  const update = (attributes: Record<string, string>, merge?: boolean): Promise<unknown> =>
    client.updateThing({ thingName, attributePayload: { attributes, merge } })
  await client.createThing({ thingName, attributePayload: { attributes: { a: '1', b: '2' } } })
  await update({ b: '3', c: '4' }, true)
  assert.deepEqual(await attributesNow(), { a: '1', b: '3', c: '4' })
  await update({ a: '', c: '5' }, true)
  assert.deepEqual(await attributesNow(), { b: '3', c: '5' })
  await update({ d: '6' })
  assert.deepEqual(await attributesNow(), { d: '6' })
  await client.updateThing({ thingName, removeThingType: true })
  const { version, attributes } = await client.describeThing({ thingName })
  assert.deepEqual([version, attributes], [5, { d: '6' }])
})

test('updates at the same time without a version are all made', async () => {
  const thingName = 'contended'
  await client.createThing({ thingName })
  const merge = (name: string): Promise<unknown> =>
    client.updateThing({ thingName, attributePayload: { attributes: { [name]: '1' }, merge: true } })
  await Promise.all(['a', 'b', 'c'].map(merge))
  const { attributes } = await client.describeThing({ thingName })
  assert.deepEqual(attributes, { a: '1', b: '1', c: '1' })
})

test('things are listed in pages, and by attribute', async () => {
  for (const index of [0, 1, 2, 3, 4]) {
    const attributes = { kind: index % 2 === 0 ? 'even' : 'odd' }
    await client.createThing({ thingName: `listed-${index}`, attributePayload: { attributes } })
  }
  const names: string[] = []
  for await (const page of paginateListThings({ client, pageSize: 2 }, {})) {
    assert.ok(page.things!.length <= 2)
    names.push(...page.things!.map(({ thingName }) => thingName!))
  }
  assert.deepEqual(
    names.filter((name) => name.startsWith('listed')),
    [0, 1, 2, 3, 4].map((index) => `listed-${index}`),
  )
  const { things } = await client.listThings({ attributeName: 'kind', attributeValue: 'odd' })
  assert.deepEqual(
    things?.map(({ thingName, version, attributes }) => [thingName, version, attributes]),
    [
      ['listed-1', 1, { kind: 'odd' }],
      ['listed-3', 1, { kind: 'odd' }],
    ],
  )
})

test('principals are attached, listed both ways and detached', async () => {
  const thingName = 'attached'
  await client.createThing({ thingName })
  const [first, second] = [await registeredCertificate(), await registeredCertificate()]
  await client.attachThingPrincipal({ thingName, principal: first })
  await client.attachThingPrincipal({ thingName, principal: second, thingPrincipalType: 'EXCLUSIVE_THING' })

  const sorted = [first, second].toSorted()
  assert.deepEqual((await client.listThingPrincipals({ thingName })).principals, sorted)
  const pages: string[] = []
  for await (const page of paginateListThingPrincipals({ client, pageSize: 1 }, { thingName })) {
    pages.push(...(page.principals ?? []))
  }
  assert.deepEqual(pages, sorted)
  const exclusive = await client.listThingPrincipalsV2({ thingName, thingPrincipalType: 'EXCLUSIVE_THING' })
  assert.deepEqual(exclusive.thingPrincipalObjects, [{ principal: second, thingPrincipalType: 'EXCLUSIVE_THING' }])
  assert.deepEqual((await client.listPrincipalThings({ principal: first })).things, [thingName])
  const both = await client.listPrincipalThingsV2({ principal: first })
  assert.deepEqual(both.principalThingObjects, [{ thingName, thingPrincipalType: 'NON_EXCLUSIVE_THING' }])

  await refuses(
    client.deleteThing({ thingName }),
    'InvalidRequestException',
    400,
    /Cannot delete\. Thing attached is still attached to one or more principals/,
  )
  await client.detachThingPrincipal({ thingName, principal: first })
  await client.detachThingPrincipal({ thingName, principal: second })
  await client.deleteThing({ thingName })
  await client.deleteThing({ thingName })
})

test('a certificate that is attached exclusively can be attached to no other thing', async () => {
  for (const thingName of ['one', 'other']) await client.createThing({ thingName })
  const principal = await registeredCertificate()
  await client.attachThingPrincipal({ thingName: 'one', principal, thingPrincipalType: 'EXCLUSIVE_THING' })
  const again = client.attachThingPrincipal({ thingName: 'other', principal })
  await refuses(again, 'InvalidRequestException', 400, /exclusively/)
})

test('a thing of a type may have more attributes, is listed by its type, and can lose it', async () => {
  const thingName = 'typed'
  const attributes = { a: '1', b: '2', c: '3', d: '4' }
  for (const thingTypeName of ['meter', 'gauge']) await client.createThingType({ thingTypeName })
  await client.createThing({ thingName, thingTypeName: 'meter', attributePayload: { attributes } })
  await client.createThing({ thingName, thingTypeName: 'meter', attributePayload: { attributes } })
  const typed = await client.listThings({ thingTypeName: 'meter' })
  assert.deepEqual(
    typed.things?.map((thing) => [thing.thingName, thing.thingTypeName]),
    [[thingName, 'meter']],
  )
  await client.updateThing({ thingName, thingTypeName: 'gauge' })
  assert.equal((await client.describeThing({ thingName })).thingTypeName, 'gauge')
  await client.updateThing({ thingName, removeThingType: true, attributePayload: { attributes: {} } })
  assert.equal((await client.describeThing({ thingName })).thingTypeName, undefined)
})

const ABSENT = `arn:aws:iot:eu-central-1:123456789012:cert/${'a'.repeat(64)}`
const attributes = { a: '1', b: '2', c: '3', d: '4' }
const thingName = 'refused'
await client.createThing({ thingName })

const REFUSALS: readonly RefusalRow[] = [
  [
    'too many attributes',
    () => client.createThing({ thingName: 'x', attributePayload: { attributes } }),
    'InvalidRequestException',
    400,
    /at most 3 attributes/,
  ],
  [
    'too many attributes after a merge',
    () => client.updateThing({ thingName, attributePayload: { attributes, merge: true } }),
    'InvalidRequestException',
    400,
    /at most 3 attributes/,
  ],
  [
    'another thing type',
    () => client.createThing({ thingName, thingTypeName: 't' }),
    'ResourceAlreadyExistsException',
    409,
    /different properties/,
  ],
  [
    'a thing type and its removal',
    () => client.updateThing({ thingName, thingTypeName: 't', removeThingType: true }),
    'InvalidRequestException',
    400,
    /exclude each other/,
  ],
  [
    'a value of any attribute',
    () => client.listThings({ attributeValue: 'a' }),
    'InvalidRequestException',
    400,
    /attributeValue requires attributeName/,
  ],
  [
    'attribute and type',
    () => client.listThings({ attributeName: 'a', thingTypeName: 't' }),
    'InvalidRequestException',
    400,
    /combination of attribute and thing type is not supported/,
  ],
  [
    'an update of nothing',
    () => client.updateThing({ thingName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /Thing absent cannot be found/,
  ],
  [
    'an update of another version',
    () => client.updateThing({ thingName, expectedVersion: 7 }),
    'VersionConflictException',
    409,
    /does not match the expected version/,
  ],
  [
    'a deletion of another version',
    () => client.deleteThing({ thingName, expectedVersion: 7 }),
    'VersionConflictException',
    409,
    /version/,
  ],
  [
    'a token of nowhere',
    () => client.listThings({ nextToken: '***' }),
    'InvalidRequestException',
    400,
    /token of the next page/,
  ],
  ['a token of another list', () => client.listThings({ nextToken: 'QUFB' }), 'InvalidRequestException', 400, /token/],
  [
    'the principals of nothing',
    () => client.listThingPrincipals({ thingName: 'absent' }),
    'ResourceNotFoundException',
    404,
    /cannot be found/,
  ],
  [
    'an absent certificate',
    () => client.attachThingPrincipal({ thingName, principal: ABSENT }),
    'ResourceNotFoundException',
    404,
    /does not exist/,
  ],
  [
    'an absent thing',
    () => client.attachThingPrincipal({ thingName: 'absent', principal: ABSENT }),
    'ResourceNotFoundException',
    404,
    /cannot be found/,
  ],
  [
    'no ARN',
    () => client.attachThingPrincipal({ thingName, principal: 'me' }),
    'InvalidRequestException',
    400,
    /does not represent a cert/,
  ],
  [
    'the ARN of a policy',
    () => client.attachThingPrincipal({ thingName, principal: ABSENT.replace('cert', 'policy') }),
    'InvalidRequestException',
    400,
    /does not represent a cert/,
  ],
  [
    'a certificate id that is none',
    () => client.attachThingPrincipal({ thingName, principal: `${ABSENT}0` }),
    'InvalidRequestException',
    400,
    /does not represent a cert/,
  ],
  [
    'another account',
    () => client.attachThingPrincipal({ thingName, principal: ABSENT.replace('1234', '9999') }),
    'ResourceNotFoundException',
    404,
    /another account or region/,
  ],
  [
    'another region',
    () => client.attachThingPrincipal({ thingName, principal: ABSENT.replace('central', 'west') }),
    'ResourceNotFoundException',
    404,
    /another account or region/,
  ],
  [
    'a Cognito identity',
    () => client.attachThingPrincipal({ thingName, principal: 'eu-central-1:01234567-89ab-cdef-0123-456789abcdef' }),
    'NotImplementedException',
    501,
    /Cognito/,
  ],
  [
    'a detachment of nothing',
    () => client.detachThingPrincipal({ thingName, principal: ABSENT }),
    'ResourceNotFoundException',
    404,
    /not attached/,
  ],
]

for (const [why, send, ...refusal] of REFUSALS) {
  test(`refuses ${why}`, async () => void (await refuses(send(), ...refusal)))
}
