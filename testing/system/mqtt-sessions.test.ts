import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { type Done, runProgram } from '../testkit/run-program.ts'
import { type FileDevice, startRunningCloud } from '../testkit/running-cloud.ts'

/**
 * Sessions that outlive their connections, and shared subscriptions, with clients that we did not write: Mosquitto's
 * (Debian package mosquitto-clients) and Eclipse Paho's for Python (Debian package python3-paho-mqtt).
 */
const cloud = await startRunningCloud()
after(() => cloud.close())
await cloud.createPolicy('everything', [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }])
const press = await cloud.newDevice('press', 'everything')
const lathe = await cloud.newDevice('lathe', 'everything')

const PAHO_SESSION = join(import.meta.dirname, 'paho-session.py')

/** Gives the words by which Mosquitto's clients connect as a device. */
function as(device: FileDevice, clientId: string): string[] {
  const identity = ['--cert', device.certificate, '--key', device.key, '-i', clientId]
  return ['-h', 'localhost', '-p', String(cloud.mqtt.port), '--cafile', cloud.rootPath, ...identity]
}

async function publish(topic: string, text: string): Promise<void> {
  const words = ['-q', '1', '-t', topic, '-m', text]
  const { status, output } = await runProgram('mosquitto_pub', [...as(press, `press-${text}`), ...words])
  assert.equal(status, 0, output)
}

for (const version of ['mqttv311', 'mqttv5'] as const) {
  const lasting = [...(version === 'mqttv5' ? ['-x', '600'] : []), '-V', version, '-c', '-q', '1']

  test(`${version}: mosquitto_sub -c gets what was published while it was away`, async (context) => {
    const topic = `dt/away/${version}`
    const words = ['-oL', 'mosquitto_sub', '-d', '-t', topic, ...lasting, ...as(lathe, `lathe-${version}`)]
    const first = startForeignServer(context, 'stdbuf', words)
    await first.says(/^Subscribed \(/m)
    first.kill()
    for (const text of ['one', 'two', 'three']) await publish(topic, text)
    const again = await runProgram('mosquitto_sub', [
      '-C',
      '3',
      '-t',
      topic,
      ...lasting,
      ...as(lathe, `lathe-${version}`),
    ])
    assert.equal(again.output.trim(), 'one\ntwo\nthree')
  })

  test(`${version}: paho resumes its session without subscribing again`, async () => {
    const topic = `dt/paho/${version}`
    const where = ['localhost', String(cloud.mqtt.port), cloud.rootPath, lathe.certificate, lathe.key]
    const who = [version === 'mqttv5' ? '5' : '4', ...where, `paho-${version}`, topic]
    const run = (count: number): Promise<Done> => runProgram('/usr/bin/python3', [PAHO_SESSION, ...who, String(count)])
    const first = await run(0)
    assert.match(first.output, /session present: 0/)
    for (const text of ['one', 'two']) await publish(topic, text)
    const second = await run(2)
    assert.match(second.output, new RegExp(`session present: 1\nmessage: ${topic} one 1\nmessage: ${topic} two 1`))
  })

  test(`${version}: mosquitto_sub shares the messages of $share among its members`, async (context) => {
    const topic = `dt/share/${version}`
    const members = ['a', 'b'].map((name) => {
      const words = ['-V', version, '-q', '1', '-t', `$share/crew/${topic}`, ...as(lathe, `${name}-${version}`)]
      return startForeignServer(context, 'stdbuf', ['-oL', 'mosquitto_sub', '-d', '-F', 'got:%p', ...words])
    })
    for (const member of members) await member.says(/^Subscribed \(/m)
    const texts = Array.from({ length: 16 }, (_, index) => `m${index}`)
    for (const text of texts) await publish(topic, text)
    const got = (): string[] =>
      members.flatMap(({ output }) => [...output.matchAll(/^got:(.*)$/gm)].map(([, text = '']) => text))
    while (got().length < texts.length) await new Promise((resolve) => void setTimeout(resolve, 20))
    assert.deepEqual(got().toSorted(), texts.toSorted())
  })
}

for (const version of ['mqttv311', 'mqttv5'] as const) {
  test(`${version}: mosquitto_pub -r is there for its topic, and not for a wildcard`, async (context) => {
    const topic = `dt/kept/${version}`
    const retain = ['-V', version, '-q', '1', '-r', '-t', topic, '-m', 'kept']
    const { status, output } = await runProgram('mosquitto_pub', [...as(press, `press-${version}`), ...retain])
    assert.equal(status, 0, output)
    const words = ['-oL', 'mosquitto_sub', '-d', '-F', '%t %r %p', '-V', version]
    const exact = startForeignServer(context, 'stdbuf', [...words, '-t', topic, ...as(lathe, `exact-${version}`)])
    await exact.says(new RegExp(`^${topic} 1 kept$`, 'm'))
    const wild = startForeignServer(context, 'stdbuf', [...words, '-t', 'dt/kept/+', ...as(lathe, `wild-${version}`)])
    await wild.says(/^Subscribed \(/m)
    await publish(`${topic}x`, `live-${version}`)
    await wild.says(new RegExp(`^${topic}x 0 live-${version}$`, 'm'))
    assert.doesNotMatch(wild.output, / kept$/m)
  })
}
