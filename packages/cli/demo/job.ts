import { join } from 'node:path'
import type { IoTClient } from '@aws-sdk/client-iot'
import type { Authority } from '@birthmark/factory/authority'
import { makeFolder } from '@birthmark/foundation/system'
import { parseCertificate } from '@birthmark/foundation/x509'
import { iotClient } from '../cloud-client.ts'
import type { Output } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { type DemoCloud, startCloud } from './cloud.ts'
import { devicePolicy, provisioningTemplate } from './documents.ts'
import { bringFleetOnline, type FleetResult } from './fleet.ts'
import { type Inventory, takeInventory } from './inventory.ts'
import { sayHowToTry, writeTryFiles } from './keep.ts'
import { trustVendor } from './maker.ts'
import { progress } from './progress.ts'
import { connectAsStranger, publishToForeignTopic, type Refusal } from './refusals.ts'
import { saySummary, summaryOf } from './summary.ts'
import { personaliseTray, type Tray } from './tray.ts'
import { foundVendor } from './vendor.ts'

/** What the main job is told. */
export interface JobOptions {
  readonly devices: number
  /** Empty or absent; everything is written below it. */
  readonly folder: string
  readonly keep: boolean
  /** Documents that the user brought instead of the built-in ones. */
  readonly documents: { readonly template?: string; readonly policy?: string }
  readonly output: Output
  /** Called when only the end is left: a signal from then on is a request to stop, no interruption. */
  readonly onDone: () => void
}

/**
 * Runs the main job: a vendor, a cloud, a line, trust between them, first connections, two refusals, a summary; with
 * `keep` it then waits until it is told to stop.
 *
 * @throws whatever of its parts fails; nothing is left running
 */
export async function runMainJob(options: JobOptions): Promise<void> {
  const { output } = options
  makeFolder(options.folder)
  output.say('1. A chip vendor makes its root CA and an issuing CA for one customer; the keys are encrypted on disk.')
  const vendor = await foundVendor(join(options.folder, 'vendor'), 'Chipworks')
  try {
    output.say('2. The cloud starts on an empty data directory, with its own root and endpoint certificate.')
    const cloud = await startCloud(join(options.folder, 'cloud'))
    try {
      await runWithCloud(options, vendor, cloud)
    } finally {
      await cloud.process.stop()
    }
  } finally {
    await vendor.close()
  }
}

async function runWithCloud(options: JobOptions, vendor: Authority, cloud: DemoCloud): Promise<void> {
  const { output } = options
  const client = iotClient(cloud.access)
  output.say(`3. The vendor's line personalises ${options.devices} OPTIGA Trust X chips over their I2C link.`)
  const tray = await fillTray(options, vendor, cloud)
  output.say('4. The device maker registers the issuing CA with proof of possession, a template and a policy.')
  const caId = await trustVendor(client, cloud.access, {
    policyDocument: options.documents.policy ?? devicePolicy(cloud.account, cloud.region),
    templateBody: options.documents.template ?? provisioningTemplate(),
    issuingCa: vendor.issuing,
    prove: async (code) => parseCertificate((await vendor.prove(code)).certificate),
  })
  output.say('5. Each device boots: its first connection provisions it and is dropped, it comes back and publishes.')
  const fleet = await goOnline(options, tray, cloud)
  const refusals = await beRefused(options, tray, cloud)
  const inventory = await takeInventory(
    client,
    cloud.access,
    caId,
    tray.devices.map(({ name }) => name),
  )
  await finish(options, client, cloud, { tray, fleet, inventory, refusals })
}

async function fillTray(options: JobOptions, vendor: Authority, cloud: DemoCloud): Promise<Tray> {
  const shown = progress(options.output, 'personalised', options.devices)
  try {
    return await personaliseTray({
      folder: join(options.folder, 'line'),
      order: 'first-lot',
      product: 'meter',
      count: options.devices,
      authority: vendor,
      trustAnchor: cloud.root,
      onDone: () => shown.advance(),
    })
  } finally {
    shown.done()
  }
}

async function goOnline(options: JobOptions, tray: Tray, cloud: DemoCloud): Promise<FleetResult> {
  const shown = progress(options.output, 'online and publishing', options.devices)
  try {
    return await bringFleetOnline(tray.devices, cloud.mqtt, () => shown.advance())
  } finally {
    shown.done()
  }
}

async function beRefused(options: JobOptions, tray: Tray, cloud: DemoCloud): Promise<readonly Refusal[]> {
  const { first, second } = tray
  const foreignTopic = await publishToForeignTopic(first, second, cloud.mqtt, cloud.access)
  const otherVendor = await foundVendor(join(options.folder, 'other-vendor'), 'Nobody Knows')
  try {
    const strangers = await personaliseTray({
      folder: join(options.folder, 'other-line'),
      order: 'stray-lot',
      product: 'stray',
      count: 1,
      authority: otherVendor,
      trustAnchor: cloud.root,
    })
    return [foreignTopic, await connectAsStranger(strangers.first, cloud.mqtt, cloud.access)]
  } finally {
    await otherVendor.close()
  }
}

interface Outcome {
  readonly tray: Tray
  readonly fleet: FleetResult
  readonly inventory: Inventory
  readonly refusals: readonly Refusal[]
}

async function finish(options: JobOptions, client: IoTClient, cloud: DemoCloud, outcome: Outcome): Promise<void> {
  const { output } = options
  const summary = summaryOf(outcome)
  const stop = listenForStop({ inputEnds: false })
  options.onDone()
  saySummary(output, summary)
  if (!options.keep) {
    output.json(summary)
    return
  }
  const files = await writeTryFiles(client, cloud.access, cloud, join(options.folder, 'try'))
  output.json({ ...summary, running: { ...cloud.process.ready, ...files } })
  sayHowToTry(output, files)
  await stop.told
}
