import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { connectAsync } from 'mqtt'
import { type ForeignServer, startForeignServer } from '../testkit/foreign-server.ts'
import { runProgram } from '../testkit/run-program.ts'
import { type FileDevice, startRunningCloud } from '../testkit/running-cloud.ts'

/**
 * `birthmark server --profile standard` with clients that we did not write: QoS 2 and retained messages, by Mosquitto's
 * clients (Debian package mosquitto-clients), mqtt (npm) and Eclipse Paho's for Python (Debian package
 * python3-paho-mqtt).
 */
const cloud = await startRunningCloud(undefined, { profile: 'standard' })
after(() => cloud.close())
await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const press = await cloud.newDevice('press', 'everything')
const lathe = await cloud.newDevice('lathe', 'everything')

const PAHO_EXACTLY = join(import.meta.dirname, 'paho-exactly.py')

/** Gives the words by which Mosquitto's clients connect as a device. */
function as(device: FileDevice, clientId: string): string[] {
  const identity = ['--cert', device.certificate, '--key', device.key, '-i', clientId]
  return ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath, ...identity]
}

async function publish(...words: readonly string[]): Promise<void> {
  const { status, output } = await runProgram('mosquitto_pub', [...as(press, 'press'), ...words])
  assert.equal(status, 0, output)
}

/** Starts a subscriber that prints each message, its QoS and its RETAIN, and waits until it is subscribed. */
async function subscriber(context: TestContext, clientId: string, ...words: string[]): Promise<ForeignServer> {
  const format = ['-F', '%t %q %r %p']
  const client = startForeignServer(context, 'stdbuf', [
    '-oL',
    'mosquitto_sub',
    '-d',
    ...format,
    ...as(lathe, clientId),
    ...words,
  ])
  await client.says(/^Subscribed \(/m)
  return client
}

for (const version of ['mqttv311', 'mqttv5']) {
  const topic = `dt/${version}`

  test(`${version}: mosquitto_pub and mosquitto_sub -q 2`, async (context) => {
    const listening = await subscriber(context, `lathe-${version}`, '-V', version, '-q', '2', '-t', topic)
    await publish('-V', version, '-q', '2', '-t', topic, '-m', 'exactly once')
    await listening.says(new RegExp(`^${topic} 2 0 exactly once$`, 'm'))
    await listening.says(/sending PUBCOMP/m)
  })

  test(`${version}: a message of QoS 2 waits for a session that lasts, and comes once`, async (context) => {
    const lasting = [
      ...(version === 'mqttv5' ? ['-x', '600'] : []),
      '-V',
      version,
      '-c',
      '-q',
      '2',
      '-t',
      `${topic}/away`,
    ]
    const first = await subscriber(context, `away-${version}`, ...lasting)
    first.kill()
    for (const text of ['one', 'two', 'three']) {
      await publish('-V', version, '-q', '2', '-t', `${topic}/away`, '-m', text)
    }
    const second = await subscriber(context, `away-${version}`, ...lasting)
    await second.says(
      new RegExp(`^${topic}/away 2 0 one$[^]*^${topic}/away 2 0 two$[^]*^${topic}/away 2 0 three$`, 'm'),
    )
  })

  test(`${version}: mosquitto_pub -r is there for a later wildcard, and -n -r ends it`, async (context) => {
    for (const name of ['a', 'b']) {
      await publish('-V', version, '-q', '1', '-r', '-t', `${topic}/kept/${name}`, '-m', name)
    }
    const listening = await subscriber(context, `kept-${version}`, '-V', version, '-q', '1', '-t', `${topic}/kept/#`)
    for (const name of ['a', 'b']) await listening.says(new RegExp(`^${topic}/kept/${name} 1 1 ${name}$`, 'm'))
    await publish('-V', version, '-q', '1', '-r', '-n', '-t', `${topic}/kept/a`)
    const later = await subscriber(context, `later-${version}`, '-V', version, '-q', '1', '-t', `${topic}/kept/#`)
    await later.says(new RegExp(`^${topic}/kept/b 1 1 b$`, 'm'))
    assert.doesNotMatch(later.output, new RegExp(`kept/a`))
  })
}

for (const version of ['4', '5']) {
  test(`paho, version ${version}: publishes and gets QoS 2, each message once`, async () => {
    const where = ['localhost', String(cloud.mqtt.port), cloud.rootPath, press.certificate, press.key]
    const words = [PAHO_EXACTLY, version, ...where, `paho-${version}`, `dt/paho/${version}`, '50']
    const { status, output } = await runProgram('/usr/bin/python3', words)
    assert.equal(status, 0, output)
    assert.match(output, /^granted: \[2\]$/m)
    const messages = output.split('\n').filter((line) => line.startsWith('message:'))
    assert.deepEqual(
      messages,
      Array.from({ length: 50 }, (_, number) => `message: message ${number} 2`),
    )
  })

  test(`mqtt (npm), version ${version}: gets QoS 2, each message once, with subscription identifiers`, async () => {
    const client = await connectAsync({
      protocol: 'mqtts',
      host: 'localhost',
      port: cloud.mqtt.port,
      ca: readFileSync(cloud.rootPath),
      cert: readFileSync(press.certificate),
      key: readFileSync(press.key),
      clientId: `npm-${version}`,
      protocolVersion: version === '5' ? 5 : 4,
    })
    const seen: string[] = []
    const all = new Promise<void>((resolve) => {
      client.on('message', (_topic, payload, { qos, properties }) => {
        seen.push(`${String(payload)} ${qos} ${String(properties?.subscriptionIdentifier ?? '')}`)
        if (seen.length === 50) resolve()
      })
    })
    const properties = version === '5' ? { properties: { subscriptionIdentifier: 7 } } : {}
    const [granted] = await client.subscribeAsync(`dt/npm/${version}`, { qos: 2, ...properties })
    assert.equal(granted?.qos, 2)
    const numbers = Array.from({ length: 50 }, (_, number) => number)
    await Promise.all(numbers.map((number) => client.publishAsync(`dt/npm/${version}`, `${number}`, { qos: 2 })))
    await all
    assert.deepEqual(
      seen,
      numbers.map((number) => `${number} 2 ${version === '5' ? '7' : ''}`),
    )
    await client.endAsync()
  })
}
