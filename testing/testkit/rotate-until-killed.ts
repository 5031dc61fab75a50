/**
 * Agents of many devices in one process that somebody will kill. Lines of JSON on standard input say what to do:
 * `{"id":…,"run":"rotate"|"live","config":…,"until":moment}` starts one, `{"id":…,"go":true,"until":moment}` has one go
 * on that waits. It answers `{"id":…,"at":moment}` when one waits at a moment, `{"id":…,"at":"done"}` at its end.
 */
import { createInterface } from 'node:readline'
import { IoTClient, ResourceNotFoundException, UpdateCertificateCommand } from '@aws-sdk/client-iot'
import {
  type AgentParts,
  JournalFile,
  openStore,
  type RunAgent,
  readConfiguration,
  rotateOnce,
  runAgent,
} from '@birthmark/device/agent'
import { messageOf, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'

interface Order {
  readonly id: string
  readonly run?: 'rotate' | 'live'
  readonly config?: string
  readonly until?: string
}

const waiting = new Map<string, (until: string | undefined) => void>()
let client: IoTClient | undefined

for await (const line of createInterface(process.stdin)) {
  const order: Order = JSON.parse(line)
  if (order.run === undefined) waiting.get(order.id)?.(order.until)
  else void run(order)
}

async function run({ id, run: how, config = '', until }: Order): Promise<void> {
  const say = (at: string): void => void process.stdout.write(`${JSON.stringify({ id, at })}\n`)
  let target = until
  const onMoment = async (moment: string): Promise<void> => {
    if (moment !== target) return
    say(moment)
    target = await new Promise((resolve) => waiting.set(id, resolve))
  }
  try {
    const configuration = readConfiguration(config)
    const options: RunAgent = {
      configuration,
      store: await openStore(configuration.element),
      file: JournalFile.open(configuration.data),
      log: silentLog,
      clock: systemClock,
      entropy: systemEntropy,
      timers: systemTimers,
      signal: new AbortController().signal,
      triesMax: 60,
      onNotice: () => undefined,
      onMoment,
      closeCertificate: closerOf(configuration),
    }
    await (how === 'rotate' ? rotateOnce(options) : runAgent({ ...options, messagesMax: 1 }))
    say('done')
  } catch (error) {
    say(`failed: ${messageOf(error)}`)
  }
}

function closerOf({ rotation }: AgentParts['configuration']): (certificateId: string) => Promise<void> {
  const close = rotation?.close
  const { url: endpoint, region } = close?.by === 'control-plane' ? close : { url: '', region: '' }
  client ??= new IoTClient({ region, maxAttempts: 1, endpoint: endpoint ?? '' })
  const iot = client
  return async (certificateId) => {
    try {
      await iot.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
    } catch (error) {
      if (!(error instanceof ResourceNotFoundException)) throw error
    }
  }
}
