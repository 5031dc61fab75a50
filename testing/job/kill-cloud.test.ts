import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { millis } from '@birthmark/foundation/kernel'
import { pause, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import {
  bringFleetOnline,
  type DemoCloud,
  devicePolicy,
  type FleetDevice,
  foundVendor,
  iotClient,
  personaliseTray,
  provisioningTemplate,
  startCloud,
  takeInventory,
  trustVendor,
} from 'birthmark/parts'
import { seededRandom } from '../testkit/random.ts'
import { steadyPort, untilNoProcessNames } from '../testkit/running.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** The main job, while somebody pulls the cloud's plug again and again in its step 5. */

const KILLS = 10
/** Devices that boot between two kills, so that each kill finds some under way. */
const WAVE = 6
/** Latest moment of a kill after its wave began, in milliseconds; a wave left alone takes about as long. */
const KILL_AFTER_MAX = 700

test('ten kills of the cloud while a fleet boots lose and double nothing', (context) =>
  killWhileBooting(context, KILLS, 0))

test('neither do three of a cloud with two workers', (context) => killWhileBooting(context, 3, 2))

async function killWhileBooting(context: TestContext, kills: number, workers: number): Promise<void> {
  // Who was online a moment ago comes again.
  const options = { workers, limit: ['connects-per-client-per-second=unlimited'] }
  const folder = await scratchFolder(context)
  const random = printedRandom(context)
  const vendor = await foundVendor(join(folder, 'vendor'), 'Chipworks')
  context.after(() => vendor.close())
  const ports = { mqtt: await steadyPort(), controlHttp: await steadyPort() }
  let cloud = await startCloud(join(folder, 'cloud'), ports, undefined, options)
  context.after(() => cloud.process.kill())
  const tray = await personaliseTray({
    folder: join(folder, 'line'),
    order: 'first-lot',
    product: 'meter',
    count: kills * WAVE,
    authority: vendor,
    trustAnchor: cloud.root,
  })
  const { access, mqtt } = cloud
  const client = iotClient(access)
  const caId = await trustVendor(client, access, {
    policyDocument: devicePolicy(cloud.account, cloud.region),
    templateBody: provisioningTemplate(),
    issuingCa: vendor.issuing,
    prove: async (code) => parseCertificate((await vendor.prove(code)).certificate),
  })

  const waves: Promise<unknown>[] = []
  for (let kill = 0; kill < kills; kill += 1) {
    const wave = new Wave(tray.devices.slice(kill * WAVE, (kill + 1) * WAVE), cloud)
    waves.push(wave.done)
    const after = Math.floor(random() * KILL_AFTER_MAX)
    await Promise.race([pause(millis(after)), wave.halfDone])
    await cloud.process.kill()
    context.diagnostic(`kill ${kill + 1} of process ${cloud.process.pid}: ${wave.onlineCount} of ${WAVE} were online`)
    assert.ok(wave.onlineCount < WAVE, 'the kill came after step 5')
    assert.equal(await cloud.process.ended, null, 'the cloud was not killed')
    cloud = await startCloud(join(folder, 'cloud'), ports, access.secretAccessKey, options)
    assert.equal(cloud.access.accessKeyId, access.accessKeyId)
    assert.equal(cloud.root.fingerprint, tray.first.identity.trustAnchor.fingerprint)
  }
  await Promise.all(waves)

  const names = tray.devices.map(({ name }) => name)
  assert.deepEqual(await takeInventory(client, access, caId, names), {
    things: names.length,
    certificates: names.length,
    activeCertificates: names.length,
    policyAttachments: names.length,
  })
  const again = await bringFleetOnline(tray.devices, mqtt)
  assert.equal(again.extraConnections, -names.length, 'a provisioned device did not come online at its first try')
  await cloud.process.stop()
  assert.equal(await cloud.process.ended, 0)
  await untilNoProcessNames(folder)
}

/** Some devices that boot, and how far they are. */
class Wave {
  readonly done: Promise<unknown>
  /** Resolves when half of the devices are online: the others keep the wave going until the kill has reached it. */
  readonly halfDone: Promise<void>
  onlineCount = 0

  constructor(devices: readonly FleetDevice[], cloud: DemoCloud) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.halfDone = promise
    this.done = bringFleetOnline(devices, cloud.mqtt, () => {
      this.onlineCount += 1
      if (this.onlineCount >= devices.length / 2) resolve()
    })
  }
}

/** Gives random numbers of a new seed, which the report names. */
function printedRandom(context: TestContext): () => number {
  const seed = new DataView(systemEntropy.bytes(4).buffer).getUint32(0)
  context.diagnostic(`seed ${seed}`)
  return seededRandom(seed)
}
