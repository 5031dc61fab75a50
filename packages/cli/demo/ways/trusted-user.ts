import { join } from 'node:path'
import { CreateProvisioningClaimCommand, DescribeCertificateCommand } from '@aws-sdk/client-iot'
import { type AgentNotice, JournalFile, openStore, readConfiguration, runAgent } from '@birthmark/device/agent'
import { silentLog } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFile, systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { callCloud } from '../../cloud-client.ts'
import { demoFault } from '../faults.ts'
import { makeTemplate, TEMPLATE } from './fleet-parts.ts'
import type { Way, WayContext } from './way.ts'

/** Fleet provisioning by trusted user: an installer hands the device a claim of five minutes. */
export const trustedUser: Way = {
  summary: 'an installer hands the device at hand a claim that is good for five minutes',
  async run(context) {
    const { client, cloud, say } = context
    await makeTemplate(context)
    say('A device that holds nothing shows an address and a code, and waits.')
    const notices: AgentNotice[] = []
    const { promise: failed, reject } = Promise.withResolvers<never>()
    const run = runDevice(context, (notice) => {
      notices.push(notice)
      if (notice.event === 'receiver') hand(context, notice).catch(reject)
    })
    await Promise.race([run, failed])
    const acquired = notices.find((notice) => notice.event === 'acquired')
    if (acquired?.thingName === undefined || !notices.some((notice) => notice.event === 'published')) {
      throw demoFault('DEMO_WAY_WRONG', { what: 'the device has the claim and is not online' })
    }
    const { thingName, certificateId } = acquired
    const { certificateDescription } = await callCloud(cloud.access, 'DescribeCertificate', () =>
      client.send(new DescribeCertificateCommand({ certificateId })),
    )
    if (certificateDescription?.status !== 'ACTIVE') throw demoFault('DEMO_WAY_WRONG', { what: 'it is not ACTIVE' })
    say('The device has exchanged the claim for an identity of its own, and publishes.')
    return { online: [{ thingName, certificateId, account: cloud.account, connections: 2 }], refused: [] }
  },
}

/** What the installer's phone does: it asks with the installer's own rights, and hands over what it gets. */
async function hand({ client, cloud, say }: WayContext, { url, code }: { url: string; code: string }): Promise<void> {
  say('The installer asks the cloud for a claim, reads the code off the device, and hands the claim over.')
  const claim = await callCloud(cloud.access, 'CreateProvisioningClaim', () =>
    client.send(new CreateProvisioningClaimCommand({ templateName: TEMPLATE })),
  )
  const body = JSON.stringify({ certificatePem: claim.certificatePem, keyPair: claim.keyPair })
  const answer = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${code}` }, body })
  if (!answer.ok) throw demoFault('DEMO_WAY_WRONG', { what: `the device answers ${answer.status}` })
}

/** Runs the agent, as `birthmark device run` does, until it has published once. */
async function runDevice({ cloud, folder }: WayContext, onNotice: (notice: AgentNotice) => void): Promise<void> {
  const path = join(makeFolder(join(folder, 'device')), 'device.json')
  replaceFile(join(folder, 'device', 'passphrase'), `${Buffer.from(systemEntropy.bytes(32)).toString('hex')}\n`)
  const configuration = {
    data: 'data',
    endpoint: { ...cloud.mqtt, root: cloud.rootPath },
    element: { software: 'keys.json', passphrase: 'passphrase' },
    receiver: {},
    provisioning: { template: TEMPLATE, parameters: { SerialNumber: '{uid}' } },
    telemetry: { topic: 'dt/{name}/telemetry', everySeconds: 1 },
    backoff: { firstSeconds: 1, longestSeconds: 2 },
  }
  replaceFile(path, JSON.stringify(configuration))
  const read = readConfiguration(path)
  const store = await openStore(read.element)
  try {
    await runAgent({
      configuration: read,
      store,
      file: JournalFile.open(read.data),
      clock: systemClock,
      entropy: systemEntropy,
      timers: systemTimers,
      log: silentLog,
      signal: AbortSignal.timeout(PATIENCE_MS),
      triesMax: 10,
      messagesMax: 1,
      onNotice,
    })
  } finally {
    await store.close()
  }
}

/** How long the device waits for the installer. */
const PATIENCE_MS = 60_000
