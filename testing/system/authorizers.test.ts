/**
 * Custom authorizers from clients that we did not write, unmodified, against `birthmark server` with and without
 * workers: mosquitto_pub, mqtt (npm), AWS's device SDK v2 for JavaScript (testing/clients), curl, AWS's SDK.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  CreateAuthorizerCommand,
  SetDefaultAuthorizerCommand,
  TestInvokeAuthorizerCommand,
  UpdateAuthorizerCommand,
} from '@aws-sdk/client-iot'
import mqtt, { type IClientOptions } from 'mqtt'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { type Done, runProgram } from '../testkit/run-program.ts'
import { type RunningCloud, startRunningCloud } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const FUNCTION = join(REPOSITORY, 'docs/examples/functions/authorize-meter.mjs')
const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 })
const NAME = 'x-amz-customauthorizer-name'
const SIGNATURE = 'x-amz-customauthorizer-signature'

function signatureOf(token: string): string {
  return sign('sha256', Buffer.from(token), KEYS.privateKey).toString('base64')
}

/** The user name of a client that shows a token. */
function tokenName(token: string, signature: string = signatureOf(token), name = 'tokens'): string {
  return `user?${NAME}=${name}&${SIGNATURE}=${encodeURIComponent(signature)}&meter=${token}`
}

/** Starts a cloud with the function of the examples behind two authorizers. */
async function openCloud(context: TestContext, workers: string): Promise<RunningCloud> {
  const cloud = await startRunningCloud(undefined, { ...(workers !== '0' && { workers }) })
  context.after(() => cloud.close())
  const env = {
    AWS_ENDPOINT_URL: cloud.controlHttp,
    AWS_REGION: cloud.region,
    AWS_ACCESS_KEY_ID: cloud.access.accessKeyId,
    AWS_SECRET_ACCESS_KEY: cloud.access.secretAccessKey,
  }
  const added = await runBirthmark(['functions', 'add', 'authorize-meter', '--module', FUNCTION, '--timeout', '5'], {
    env,
  })
  assert.equal(added.status, 0, added.stderr)
  const authorizerFunctionArn = `arn:aws:lambda:${cloud.region}:${cloud.account}:function:authorize-meter`
  const common = { authorizerFunctionArn, status: 'ACTIVE' } as const
  const tokenSigningPublicKeys = { first: String(KEYS.publicKey.export({ type: 'spki', format: 'pem' })) }
  const signed = { ...common, tokenSigningPublicKeys, enableCachingForHttp: true }
  await cloud.iot.send(new CreateAuthorizerCommand({ ...signed, authorizerName: 'tokens', tokenKeyName: 'meter' }))
  await cloud.iot.send(
    new CreateAuthorizerCommand({ ...signed, authorizerName: 'bearer', tokenKeyName: 'Authorization' }),
  )
  await cloud.iot.send(new CreateAuthorizerCommand({ ...common, authorizerName: 'passwords', signingDisabled: true }))
  return cloud
}

function mosquitto(cloud: RunningCloud, clientId: string, ...words: readonly string[]): Promise<Done> {
  const where = ['-h', 'localhost', '-p', String(cloud.httpsPort), '--cafile', cloud.rootPath, '--tls-alpn', 'mqtt']
  return runProgram('mosquitto_pub', [
    ...where,
    '-i',
    clientId,
    '-t',
    `dt/${clientId}/x`,
    '-q',
    '1',
    '-m',
    'x',
    ...words,
  ])
}

/** Connects over WebSocket, publishes to what it has subscribed to, and gives what came back. */
async function echo(cloud: RunningCloud, path: string, options: IClientOptions): Promise<string> {
  const url = `wss://localhost:${cloud.httpsPort}${path}`
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ca: readFileSync(cloud.rootPath), ...options })
  try {
    await client.subscribeAsync(`dt/${options.clientId}/x`, { qos: 1 })
    const received = new Promise<string>((resolve) => client.once('message', (_, payload) => resolve(String(payload))))
    await client.publishAsync(`dt/${options.clientId}/x`, 'back', { qos: 1 })
    return await received
  } finally {
    client.end(true)
  }
}

function curl(cloud: RunningCloud, path: string, ...words: readonly string[]): Promise<Done> {
  const url = `https://localhost:${cloud.httpsPort}${path}`
  return runProgram('curl', ['-sS', '--cacert', cloud.rootPath, '-X', 'POST', '-d', 'x', url, ...words])
}

for (const workers of ['0', '2']) {
  test(`clients are let in and refused by custom authorizers, ${workers} workers`, async (context) => {
    const cloud = await openCloud(context, workers)
    const { iot } = cloud
    const token = 'meter-1'
    const tokenSignature = signatureOf(token)

    // The operator tries it first; the function's process has started then.
    const tried = await iot.send(new TestInvokeAuthorizerCommand({ authorizerName: 'tokens', token, tokenSignature }))
    assert.deepEqual([tried.isAuthenticated, tried.principalId, tried.refreshAfterInSeconds], [true, 'meter1', 300])
    assert.match(tried.policyDocuments?.[0] ?? '', /client\/meter-1/)
    await assert.rejects(
      iot.send(new TestInvokeAuthorizerCommand({ authorizerName: 'tokens', token: 'other', tokenSignature })),
      { name: 'InvalidRequestException' },
    )

    const good = await mosquitto(cloud, 'meter-1', '-u', tokenName(token), '-P', 'unused')
    assert.equal(good.status, 0, good.output)
    const foreign = await mosquitto(cloud, 'meter-9', '-u', tokenName(token))
    assert.notEqual(foreign.status, 0)
    await cloud.refusal({}, 'POLICY_DENIED_CONNECT')
    const forged = await mosquitto(cloud, 'meter-9', '-u', tokenName('meter-9', tokenSignature))
    assert.match(forged.output, /not authorised/i)
    const refusal = await cloud.refusal({}, 'AUTHORIZER_SIGNATURE_REFUSED')
    assert.ok(!JSON.stringify(refusal).includes(tokenSignature))

    const byPassword = ['-u', `meter-2?${NAME}=passwords`, '-P']
    const known = await mosquitto(cloud, 'meter-2', ...byPassword, 'cold-water')
    assert.equal(known.status, 0, known.output)
    assert.notEqual((await mosquitto(cloud, 'meter-2', ...byPassword, 'warm-water')).status, 0)
    const wrong = await cloud.refusal({}, 'AUTHORIZER_REFUSED')
    assert.ok(wrong.steps.some(({ step }) => step === 'tls') && !JSON.stringify(wrong).includes('warm'))

    // WebSocket: in the query, in headers, in the CONNECT; MQTT 3.1.1 and 5.
    const query = `${NAME}=tokens&${SIGNATURE}=${encodeURIComponent(tokenSignature)}&meter=${token}`
    const headers = { [NAME]: 'tokens', [SIGNATURE]: tokenSignature, meter: token }
    for (const protocolVersion of [4, 5] as const) {
      const options = { clientId: 'meter-1', protocolVersion }
      assert.equal(await echo(cloud, `/mqtt?${query}`, options), 'back')
      assert.equal(await echo(cloud, '/mqtt', { ...options, wsOptions: { headers } }), 'back')
      assert.equal(await echo(cloud, '/mqtt', { ...options, username: tokenName(token) }), 'back')
    }

    const asHeaders = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
    assert.match((await curl(cloud, '/topics/dt/meter-1/x?qos=1', ...asHeaders)).output, /"OK"/)
    assert.match((await curl(cloud, `/topics/dt/meter-1/x?qos=1&${query}`)).output, /"OK"/)
    assert.match((await curl(cloud, '/topics/dt/meter-9/x?qos=1', ...asHeaders)).output, /Forbidden/)
    assert.match((await curl(cloud, '/topics/dt/meter-1/x?qos=1')).output, /Missing Authentication Token/)

    const bearer = ['-H', `${NAME}: bearer`, '-H', `authorization: ${token}`, '-H', `${SIGNATURE}: ${tokenSignature}`]
    assert.match((await curl(cloud, '/topics/dt/meter-1/x?qos=1', ...bearer)).output, /"OK"/)

    await iot.send(new SetDefaultAuthorizerCommand({ authorizerName: 'passwords' }))
    const standard = await mosquitto(cloud, 'meter-2', '-u', 'meter-2', '-P', 'cold-water')
    assert.equal(standard.status, 0, standard.output)
    await iot.send(new UpdateAuthorizerCommand({ authorizerName: 'tokens', status: 'INACTIVE' }))
    assert.notEqual((await mosquitto(cloud, 'meter-1', '-u', tokenName(token))).status, 0)
    await cloud.refusal({}, 'AUTHORIZER_INACTIVE')
    assert.notEqual((await mosquitto(cloud, 'meter-1', '-u', tokenName(token, tokenSignature, 'absent'))).status, 0)
    await cloud.refusal({}, 'AUTHORIZER_UNKNOWN')
  })
}

test('every command of the guide does its work', async (context) => {
  const cloud = await startRunningCloud()
  context.after(() => cloud.close())
  const folder = await scratchFolder(context)
  for (const name of ['node_modules', 'docs']) symlinkSync(join(REPOSITORY, name), join(folder, name))
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.access
  const script = guideCommands()
    .replaceAll('us-east-1:123456789012', `${region}:${cloud.account}`)
    .replaceAll('cloud/root.pem', cloud.rootPath)
    .replaceAll('8443', String(cloud.httpsPort))
  const env = {
    ...process.env,
    HOME: folder,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_PAGER: '',
  }
  const { status, stdout, stderr } = spawnSync('bash', ['-eu'], { cwd: folder, env, input: script, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  const said = stdout + stderr
  assert.match(said, /"isAuthenticated": true/)
  assert.match(said, /"message":"OK"/)
})

/** Gives the commands of the guide, as they are written. */
function guideCommands(): string {
  const text = readFileSync(join(REPOSITORY, 'docs/guides/authorizers.md'), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands)
  assert.ok(blocks.length >= 6)
  return blocks.join('')
}

test("AWS's device SDK v2 connects by a custom authorizer, over TLS and WebSocket", async (context) => {
  const cloud = await openCloud(context, '0')
  const token = 'meter-1'
  const signature = signatureOf(token)
  await cloud.iot.send(new TestInvokeAuthorizerCommand({ authorizerName: 'tokens', token, tokenSignature: signature }))
  const what = {
    host: 'localhost',
    port: cloud.httpsPort,
    root: cloud.rootPath,
    authorizer: 'tokens',
    tokenKey: 'meter',
    token,
    signature,
    clientId: 'meter-1',
    topic: 'dt/meter-1/x',
  }
  const script = join(REPOSITORY, 'testing/clients/custom-authorizer.js')
  const { status, output } = await runProgram(process.execPath, [script, JSON.stringify(what)])
  assert.equal(status, 0, output)
  assert.deepEqual(output.match(/received .*/g), [
    'received 3.1.1 over TLS',
    'received 5 over TLS',
    'received 5 over WebSocket',
  ])
})
