import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CreateProvisioningClaimCommand, CreateThingCommand, IoT, ListThingsCommand } from '@aws-sdk/client-iot'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { signRequest } from '../../../testing/testkit/sign-request.ts'
import { ROLE_NAMES, roleDocument } from './access/roles.ts'

const plane = await startTestControlPlane({ defaultAccount: '123456789012' })

interface Made {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

/** Calls our own API with a key. */
async function own(
  method: string,
  path: string,
  body?: object,
  credentials: Made = plane.credentials,
): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }> {
  const url = new URL(path, plane.url)
  const text = body === undefined ? undefined : JSON.stringify(body)
  const signed = await signRequest(
    {
      method,
      protocol: url.protocol,
      hostname: url.hostname,
      port: Number(url.port),
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: { host: url.host },
      ...(text === undefined ? {} : { body: text }),
    },
    { region: plane.scope.region, credentials, at: new Date() },
  )
  const answer = await fetch(url, { method, headers: signed.headers, ...(text === undefined ? {} : { body: text }) })
  const parsed: unknown = await answer.json()
  return { status: answer.status, body: { ...Object(parsed) } }
}

async function newKey(request: object): Promise<Made> {
  const { status, body } = await own('POST', '/v1/access', request)
  assert.equal(status, 200, JSON.stringify(body))
  const made: Readonly<Record<string, unknown>> = { ...Object(body['accessKey']) }
  const token = made['sessionToken']
  return {
    accessKeyId: String(made['accessKeyId']),
    secretAccessKey: String(made['secretAccessKey']),
    ...(typeof token === 'string' ? { sessionToken: token } : {}),
  }
}

function clientOf(credentials: Made): IoT {
  return new IoT({ endpoint: plane.url, region: plane.scope.region, credentials, maxAttempts: 1 })
}

test('an auditor reads and changes nothing; the refusal is AWS’s own and is audited', async () => {
  const key = await newKey({ name: 'eve', role: 'auditor' })
  const client = clientOf(key)
  await client.send(new ListThingsCommand({}))
  const thingArn = 'arn:aws:iot:eu-central-1:123456789012:thing/press-7'
  await assert.rejects(client.send(new CreateThingCommand({ thingName: 'press-7' })), {
    name: 'AccessDeniedException',
    message:
      'User: arn:aws:iam::123456789012:user/eve is not authorized to perform: iot:CreateThing ' +
      `on resource: ${thingArn} ` +
      'because no identity-based policy allows the iot:CreateThing action',
  })
  const { body } = await own('GET', '/v1/audit?outcome=denied', undefined, key)
  assert.ok(Array.isArray(body['entries']))
  const { sequence, at, requestId, userAgent, ...entry } = body['entries'][0]
  assert.deepEqual(entry, {
    region: 'eu-central-1',
    accessKeyId: key.accessKeyId,
    keyName: 'eve',
    action: 'iot:CreateThing',
    resources: [thingArn],
    sourceIp: '127.0.0.1',
    outcome: 'denied',
    code: 'AccessDeniedException',
  })
  assert.match(String(userAgent), /aws-sdk-js/)
  assert.ok(Number(sequence) > 0 && Number(at) > 0 && String(requestId) !== '')
  client.destroy()
})

test('an installer asks for claims of its templates and for nothing else', async () => {
  const client = clientOf(await newKey({ name: 'van-3', role: 'installer', templates: ['Meters'] }))
  const claimOf = (templateName: string) => client.send(new CreateProvisioningClaimCommand({ templateName }))
  await assert.rejects(claimOf('Others'), { name: 'AccessDeniedException' })
  await assert.rejects(claimOf('Meters'), (error: Error) => error.name !== 'AccessDeniedException')
  await assert.rejects(client.send(new ListThingsCommand({})), { name: 'AccessDeniedException' })
  await client.describeEndpoint({})
  client.destroy()
})

test('permissions of one’s own bind a key to names, addresses and explicit denials', async () => {
  const policyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Action: 'iot:CreateThing',
        Resource: 'arn:aws:iot:*:*:thing/press-*',
        Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
      },
      { Effect: 'Deny', Action: 'iot:CreateThing', Resource: '*/press-9' },
    ],
  })
  const client = clientOf(await newKey({ name: 'shop', policyDocument }))
  await client.createThing({ thingName: 'press-1' })
  await assert.rejects(client.createThing({ thingName: 'oven-1' }), /because no identity-based policy allows/)
  await assert.rejects(
    client.createThing({ thingName: 'press-9' }),
    /with an explicit deny in an identity-based policy/,
  )
  client.destroy()
})

test('an operator runs the fleet but hands out no keys', async () => {
  const key = await newKey({ name: 'ops', role: 'operator' })
  const client = clientOf(key)
  await client.createThing({ thingName: 'of-the-operator' })
  assert.equal((await own('POST', '/v1/access', { name: 'x', role: 'auditor' }, key)).status, 403)
  assert.equal((await own('GET', '/v1/attempts', undefined, key)).status, 200)
  client.destroy()
})

test('a temporary key needs its token and ends', async () => {
  const key = await newKey({ name: 'visitor', role: 'auditor', lastsSeconds: 900 })
  assert.match(key.accessKeyId, /^ASIA/)
  const client = clientOf(key)
  await client.listThings({})
  const { accessKeyId, secretAccessKey } = key
  for (const sessionToken of [undefined, 'another']) {
    const wrong = clientOf({ accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) })
    await assert.rejects(wrong.listThings({}), { name: 'UnrecognizedClientException' })
    wrong.destroy()
  }
  client.destroy()
})

test('a revoked key is refused at once, and none revokes itself', async () => {
  const key = await newKey({ name: 'gone', role: 'administrator' })
  assert.equal((await own('DELETE', `/v1/access/${key.accessKeyId}`, undefined, key)).status, 400)
  assert.equal((await own('DELETE', `/v1/access/${key.accessKeyId}`)).status, 200)
  assert.equal((await own('DELETE', `/v1/access/${key.accessKeyId}`)).status, 404)
  const client = clientOf(key)
  await assert.rejects(client.listThings({}), { name: 'UnrecognizedClientException' })
  client.destroy()
})

test('every ready role is a policy that parses', () => {
  for (const role of ROLE_NAMES) assert.match(roleDocument({ role, templates: ['T'] }), /2012-10-17/)
})

for (const [why, request] of [
  ['no name', { role: 'auditor' }],
  ['a name with a space', { name: 'a b', role: 'auditor' }],
  ['no role', { name: 'a' }],
  ['an unknown role', { name: 'a', role: 'king' }],
  ['role and document', { name: 'a', role: 'auditor', policyDocument: '{}' }],
  ['a document that is no policy', { name: 'a', policyDocument: '{"Version":"2012-10-17"}' }],
  ['an installer of nothing', { name: 'a', role: 'installer' }],
  ['an installer of a pattern', { name: 'a', role: 'installer', templates: ['*'] }],
  ['a life too short', { name: 'a', role: 'auditor', lastsSeconds: 1 }],
  ['what nobody knows', { name: 'a', role: 'auditor', more: 1 }],
  ['a number for a name', { name: 1, role: 'auditor' }],
] as const) {
  test(`no access key is made of ${why}`, async () => {
    const { status, body } = await own('POST', '/v1/access', request)
    assert.equal(status, 400)
    assert.equal(body['__type'], 'InvalidRequestException')
  })
}

test('the list of keys and the audit log hold no secret', async () => {
  const made = await newKey({ name: 'kept', role: 'line', lastsSeconds: 900 })
  const keys = JSON.stringify((await own('GET', '/v1/access')).body)
  const audit = JSON.stringify((await own('GET', '/v1/audit?limit=1000')).body)
  assert.ok(keys.includes(made.accessKeyId))
  for (const secret of [made.secretAccessKey, made.sessionToken, plane.credentials.secretAccessKey]) {
    assert.ok(secret !== undefined && !keys.includes(secret) && !audit.includes(secret))
  }
})

test('the audit log tells of changes, not of reads, and pages backwards', async () => {
  const thingName = 'audited'
  await plane.client.createThing({ thingName })
  await plane.client.describeThing({ thingName })
  await assert.rejects(plane.client.updateThing({ thingName: 'absent' }))
  const { body } = await own('GET', '/v1/audit?limit=2')
  assert.ok(Array.isArray(body['entries']))
  const [refused, done] = body['entries']
  assert.deepEqual([refused.action, refused.outcome], ['iot:UpdateThing', 'refused'])
  assert.deepEqual([done.action, done.outcome, done.code], ['iot:CreateThing', 'done', undefined])
  assert.equal(done.sequence + 1, refused.sequence)
  const before = await own('GET', `/v1/audit?limit=1&before=${done.sequence}`)
  assert.ok(Array.isArray(before.body['entries']))
  assert.equal(before.body['entries'][0].sequence, done.sequence - 1)
})

test('what needs no signature', async () => {
  for (const path of ['/v1/health', '/v1/ready', '/v1/openapi.json']) {
    assert.equal((await fetch(plane.url + path)).status, 200, path)
  }
  assert.equal((await fetch(`${plane.url}/v1/audit`)).status, 403)
})

test('an explanation says which statement decides', async () => {
  const { certificateId = '', certificateArn = '' } = await plane.client.createKeysAndCertificate({ setAsActive: true })
  const Statement = [{ Sid: 'Own', Effect: 'Allow', Action: 'iot:Publish', Resource: '*:topic/dt/${iot:ClientId}/*' }]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
  await plane.client.createPolicy({ policyName: 'Explained', policyDocument })
  await plane.client.attachPolicy({ policyName: 'Explained', target: certificateArn })
  const explain = async (members: Readonly<Record<string, string>>) => {
    const query = new URLSearchParams({ certificateId, action: 'iot:Publish', ...members })
    return own('GET', `/v1/explanations?${query.toString()}`)
  }
  const allowed = await explain({ resource: 'topic/dt/press-7/t', clientId: 'press-7' })
  assert.equal(allowed.body['effect'], 'allow', JSON.stringify(allowed.body))
  assert.match(String(allowed.body['explanation']), /Statement\[0\] \("Own"\) of policy "Explained"/)
  const denied = await explain({ resource: 'topic/dt/press-8/t', clientId: 'press-7' })
  assert.deepEqual([denied.body['effect'], denied.body['policies']], ['deny', ['Explained']])
  assert.equal((await explain({ resource: 'topic/x', certificateId: '0'.repeat(64) })).status, 404)
  assert.equal((await explain({ resource: 'topic/x', action: 'iot:Fly' })).status, 400)
})

test('the OpenAPI document tells of every operation', async () => {
  const answer = await fetch(`${plane.url}/v1/openapi.json`)
  const text = await answer.text()
  for (const id of ['ReadAttempts', 'ReadAudit', 'ReadExplanation', 'CreateAccessKey', 'CreateAccount', 'ReadPlan']) {
    assert.ok(text.includes(`"operationId":"${id}"`), id)
  }
})

test('no other spelling of a resource slips past a Deny', async () => {
  const { certificateId = '', certificateArn = '' } = await plane.client.createKeysAndCertificate({ setAsActive: true })
  await plane.client.createThingGroup({ thingGroupName: 'kept' })
  await plane.client.createThing({ thingName: 'grouped' })
  const Resource = ['*:thinggroup/kept', `arn:aws:iot:*:*:cert/${certificateId}`]
  const Statement = [
    { Effect: 'Allow', Action: 'iot:*', Resource: '*' },
    { Effect: 'Deny', Action: 'iot:*', Resource },
  ]
  const policyDocument = JSON.stringify({ Version: '2012-10-17', Statement })
  const client = clientOf(await newKey({ name: 'bound', policyDocument }))
  const denied = { name: 'AccessDeniedException' }
  const newStatus = 'INACTIVE'
  await assert.rejects(client.updateCertificate({ certificateId, newStatus }), denied)
  await assert.rejects(client.updateCertificate({ certificateId: certificateId.toUpperCase(), newStatus }), denied)
  const principal = certificateArn.replace('arn:aws:', 'arn:aws-cn:')
  await assert.rejects(client.attachThingPrincipal({ thingName: 'grouped', principal }), denied)
  const groups = { thingName: 'grouped', thingGroupsToAdd: ['kept'] }
  await assert.rejects(client.updateThingGroupsForThing(groups), denied)
  client.destroy()
})
