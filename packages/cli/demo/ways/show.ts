import { join } from 'node:path'
import { makeFolder } from '@birthmark/foundation/system'
import { readAttempts } from '../../attempts.ts'
import { iotClient } from '../../cloud-client.ts'
import type { Output } from '../../output.ts'
import { type DemoCloud, startCloud } from '../cloud.ts'
import { foundVendor } from '../vendor.ts'
import type { Way, WayResult } from './way.ts'

/** What showing a way is told. */
export interface ShowOptions {
  readonly name: string
  /** Empty or absent; everything is written below it. */
  readonly folder: string
  readonly output: Output
}

/**
 * Shows one way: a vendor, a cloud in a process of its own, devices that come online, and those that must not.
 *
 * @throws `DEMO_WAY_WRONG`, and whatever of its parts fails; nothing is left running
 */
export async function showWay(way: Way, { name, folder, output }: ShowOptions): Promise<void> {
  let step = 0
  const say = (text: string): void => {
    step += 1
    output.say(`${step}. ${text}`)
  }
  makeFolder(folder)
  say('A chip vendor makes its CA, and the cloud starts on an empty data directory.')
  const vendor = await foundVendor(join(folder, 'vendor'), 'Chipworks')
  try {
    const cloud = await startCloud(join(folder, 'cloud'), undefined, undefined, way.server)
    const client = iotClient(cloud.access)
    try {
      const why = (certificateId: string): Promise<string> => causeOf(cloud, certificateId)
      tell(name, await way.run({ cloud, client, folder, vendor, why, say }), output)
    } finally {
      client.destroy()
      await cloud.process.stop()
    }
  } finally {
    await vendor.close()
  }
}

async function causeOf({ access }: DemoCloud, certificateId: string): Promise<string> {
  const attempts = await readAttempts(access, { certificateId, limit: '10' })
  const cause = attempts.map((attempt) => attempt.cause).find((found) => found !== undefined)
  return cause === undefined ? 'it is not let in' : `${cause.code}: ${cause.reason}`
}

function tell(way: string, { online, refused }: WayResult, output: Output): void {
  output.json({ way, online, refused })
  output.say()
  for (const { thingName, account, certificateId, connections } of online) {
    const taken = connections === 1 ? '1 connection' : `${connections} connections`
    output.say(`Online    ${thingName} of account ${account}, certificate ${certificateId.slice(0, 12)}…, ${taken}`)
  }
  for (const { device, why } of refused) output.say(`Refused   ${device}: ${why}`)
}
