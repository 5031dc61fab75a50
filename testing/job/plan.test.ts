/** `birthmark plan`: what a template would do, told and not done. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { CreateThingCommand, CreateThingGroupCommand, ListThingsCommand } from '@aws-sdk/client-iot'
import { awsEnvironment, prepareClaims } from '../testkit/agent-cloud.ts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const claim = await prepareClaims(cloud)
const env = { ...awsEnvironment(cloud), AWS_ENDPOINT_URL: cloud.controlHttp, AWS_REGION: cloud.region }

test('a template that is kept: what it would make, for people and for machines', async () => {
  const words = ['plan', '--template', 'meters', '--parameter', 'SerialNumber=A1']
  const { status, stderr } = await runBirthmark(words, { env })
  assert.equal(status, 0, stderr)
  assert.match(stderr, /^thing meter-A1 is created$/m)
  assert.match(stderr, /^\+ thing meter-A1$/m)
  assert.match(stderr, /^Nothing of this was done\.$/m)
  const { stdout } = await runBirthmark([...words, '--json'], { env })
  const { thingName, status: after, differences }: { [name: string]: unknown } = JSON.parse(stdout)
  assert.deepEqual([thingName, after], ['meter-A1', 'ACTIVE'])
  assert.ok(Array.isArray(differences) && differences.length === 5, stdout)
  const { things = [] } = await cloud.iot.send(new ListThingsCommand({}))
  assert.equal(
    things.some((thing) => thing.thingName === 'meter-A1'),
    false,
  )
})

test('a template in a file, for a thing and a certificate that are there', async () => {
  await cloud.iot.send(
    new CreateThingCommand({ thingName: 'press-7', attributePayload: { attributes: { site: 'a' } } }),
  )
  await cloud.iot.send(new CreateThingGroupCommand({ thingGroupName: 'plant-7' }))
  const template = join(cloud.folder, 'template.json')
  const resources = {
    thing: {
      Type: 'AWS::IoT::Thing',
      Properties: { ThingName: 'press-7', AttributePayload: { site: 'b' }, ThingGroups: ['plant-7'] },
      OverrideSettings: { AttributePayload: 'REPLACE', ThingGroups: 'MERGE' },
    },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
    },
  }
  writeFileSync(template, JSON.stringify({ Resources: resources }))
  const words = ['plan', '--file', template, '--type', 'JITP', '--certificate', claim.certificate]
  const { status, stderr } = await runBirthmark(words, { env })
  assert.equal(status, 0, stderr)
  assert.match(stderr, /^~ thing press-7\n {4}~ site = a -> b\n\+ thing press-7 in thing group plant-7\n/m)
})

test('what is wrong is told with line and column', async () => {
  const template = join(cloud.folder, 'wrong.json')
  writeFileSync(template, '{\n  "Resources": {\n    "thing": {"Type": "AWS::IoT::Thong"}\n  }\n}\n')
  const says = /\$\.Resources\.thing\.Type \(line 3, column 23\) must be AWS::IoT::Thing or/
  await failsPlainly(['plan', '--file', template], { code: 'CLOUD_REFUSED', says }, { env })
  assert.equal((await runBirthmark(['plan'], { env })).status, 2)
  assert.equal((await runBirthmark(['plan', '--template', 'meters', '--parameter', 'A1'], { env })).status, 2)
})
