/** The commands of the guides that need a running cloud, as they are written. Needs Debian's awscli and mosquitto. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { guideBlock } from '../testkit/guide.ts'
import { GuideWorld, guideTemplate } from '../testkit/guide-world.ts'
import { startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

test('every command of the guide to AWS’s tools does its work', async (context) => {
  const world = await GuideWorld.start(context)
  assert.match(await world.run('clients'), /press-7: meter\n\d things\./)
})

test('every command of the guide to backups does its work', async (context) => {
  const world = await GuideWorld.start(context)
  assert.match(await world.run('backup'), /No difference\./)
})

test('every command of the guide to access keys does its work', async (context) => {
  const world = await GuideWorld.start(context)
  await world.newPress()
  writeFileSync(join(world.folder, 'shop.json'), guideBlock('access', 'json'))
  const spare = await world.birthmark('access', 'create', '--name', 'spare', '--role', 'auditor')
  const said = await world.run('access', [
    ['AKIAQQQQQQQQQQQQQQQQ', String(spare['accessKeyId'])],
    ['123456789012', String(world.ready['account'])],
  ])
  assert.match(said, /press-7/)
  assert.match(said, /installer/)
})

test('every command of the guide to policies does its work', async (context) => {
  const world = await GuideWorld.start(context)
  await world.newPress()
  const client = await world.connect('press-7')
  client.end(true)
  const follow = {
    command: /explain --follow/,
    says: /press-7/,
    meanwhile: async () => void (await world.connect('press-7')).end(true),
  }
  const said = await world.run('policies', [], { lasting: [follow] })
  assert.match(said, /press-7/)
})

test('every command of the guide to leaked claims and shared keys does its work', async (context) => {
  const world = await GuideWorld.start(context)
  await world.newPress()
  let twins = 0
  const follow = {
    command: /alarms --follow/,
    says: /KEY_SHARED/,
    meanwhile: async () => {
      const twin = await world.newDevice(`twin-${(twins += 1)}`)
      for (const client of [await world.connect('one', twin), await world.connect('other', twin)]) client.end(true)
    },
  }
  await world.stop()
  await world.run('abuse', [], { lasting: [follow] })
})

test('every command of the guide to the server does its work', async (context) => {
  const world = await GuideWorld.start(context)
  await world.newPress()
  await world.stop()
  const waits = {
    command: /^mosquitto_sub /,
    says: /warm/,
    meanwhile: async () => {
      const client = await world.connect('sender')
      if (client.connected) await client.publishAsync('dt/press-7/t', 'warm', { qos: 1 })
      client.end(true)
    },
  }
  const [mqtt, plain] = [await freePort(), await freePort()]
  // One port for all servers of the guide: its command for a subscriber names none.
  const fill = [
    ['-h localhost', `-h localhost -p ${mqtt}`],
    ['server --data ./cloud', `server --data ./cloud --mqtt-port ${mqtt}`],
    ['1883', String(plain)],
  ] as const
  await world.run('server', fill, { lasting: [waits] })
})

test('every command of the guide to provisioning does its work', async (context) => {
  const world = await GuideWorld.start(context)
  const press = await world.newPress()
  const { folder } = world
  makeLot(folder, world.env)
  for (const name of ['line.pem', 'line.pub']) copyFileSync(join(folder, 'maker.pem'), join(folder, name))
  copyFileSync(join(REPOSITORY, 'docs/examples/functions/activate-listed.mjs'), join(folder, 'activate-listed.mjs'))
  writeFileSync(join(folder, 'event.json'), JSON.stringify({ certificateId: press.certificateId }))
  writeFileSync(join(folder, 'rule.json'), guideBlock('provisioning', 'json'))
  writeFileSync(join(folder, 'serials.txt'), 'A1\nA2\n')
  copyFileSync(press.certificate, join(folder, 'device.pem'))
  writeFileSync(join(folder, 'template.json'), guideTemplate('AWS::IoT::Certificate::CommonName'))
  await world.newTemplate()
  const said = await world.run('provisioning', [
    ['us-east-1:123456789012', `${world.ready['region']}:${world.ready['account']}`],
    ['http://127.0.0.1:9080', String(world.ready['controlHttp'])],
  ])
  assert.match(said, /thing A1 is created/)
  assert.match(said, /2 devices|2 certificates|2 registered/)
})

test('every command of the guide to the agent does its work', async (context) => {
  const world = await GuideWorld.start(context)
  const { folder, ready } = world
  await world.newDevice('claim')
  await world.newTemplate()
  copyFileSync(join(folder, 'cloud/root.pem'), join(folder, 'root.pem'))
  const port = ready['mqtt']?.split(':').at(-1)
  const configuration = guideBlock('agent', 'yaml').replace('8883', String(port))
  writeFileSync(join(folder, 'device.yaml'), configuration)
  // A second device, which has nothing but waits for a claim.
  const waiting = configuration
    .replace(/^claim:.*\n(?: .*\n)*/m, guideBlock('agent', 'yaml', 1).replace('8080', '0'))
    .replace('./data', './data-2')
    .replace('./keys.json', './keys-2.json')
    .replace('./passphrase', './passphrase-2')
  writeFileSync(join(folder, 'waiting.yaml'), waiting)
  writeFileSync(join(folder, 'passphrase-2'), 'p'.repeat(32), { mode: 0o600 })
  const agent = startBirthmark(['device', 'run', '--config', join(folder, 'waiting.yaml')])
  context.after(() => agent.child.kill('SIGKILL'))
  const [, url = '', code = ''] = await agent.said(/POST it to (\S+) with the code (\w+)/)
  const runs = { command: /device run/, says: /Published message 1 to dt\/[^ ]+\/telemetry/ }
  const fill = [
    ['Bearer CODE', `Bearer ${code}`],
    ['http://127.0.0.1:8080/claim', url],
  ] as const
  await world.run('agent', fill, {
    lasting: [runs],
    skipped: {
      zbarimg: 'codes.png is what a camera sees of the claim page: claim-page.test.ts reads it from a browser',
    },
  })
  await agent.said(/Published message 1/)
  await stopsInOrder(agent)
})

/** A lot of two devices with its manifest, as the guide to the line makes one. */
function makeLot(folder: string, env: Readonly<Record<string, string>>): void {
  const order = { format: 'birthmark-work-order/2', id: 'PO-1', product: 'press', count: 2 }
  writeFileSync(join(folder, 'order.json'), JSON.stringify(order))
  const birthmark = join(REPOSITORY, 'packages/cli/bin/birthmark.js')
  const script = `
    birthmark() { '${process.execPath}' '${birthmark}' "$@"; }
    openssl rand -hex 32 > pass
    birthmark line station-key --out station.key.pem --public-out station.pem --passphrase-file pass
    birthmark order key --out maker.key.pem --public-out maker.pem --passphrase-file pass
    birthmark order sign --work-order order.json --key maker.key.pem --passphrase-file pass --out order.signed.json
    birthmark ca new --data ca --passphrase-file pass --maker-key maker.pem
    birthmark line run --work-order order.signed.json --maker-key maker.pem --station-key station.key.pem \\
      --station-passphrase-file pass --authority ca --passphrase-file pass --virtual 2
    birthmark manifest sign line/manifest.jsonl --key maker.key.pem --passphrase-file pass --out manifest.json
    cp manifest.json lot.jsonl`
  execFileSync('sh', ['-eu', '-c', script], { cwd: folder, env: { ...process.env, ...env }, stdio: 'pipe' })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise((resolve) => {
    server.close(resolve)
  })
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
