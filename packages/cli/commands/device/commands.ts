import { type FileLock, lockFile } from '@birthmark/chip/trust-x/adapters'
import {
  type AgentConfiguration,
  type AgentNotice,
  type AgentParts,
  JournalFile,
  openStore,
  type RunAgent,
  readConfiguration,
  resetJournal,
  rotateOnce,
  runAgent,
} from '@birthmark/device/agent'
import { faults, isFault, type Raise, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy, systemTimers } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError } from 'commander'
import { type Output, processOutput } from '../../output.ts'
import { listenForStop } from '../../signals.ts'
import { controlPlaneCloser } from './close-certificate.ts'

export const DEVICE_COMMAND_FAULTS = {
  DEVICE_AGENT_RUNS: {
    blame: 'caller',
    message: 'an agent of this device runs already, with its state in {path}',
    remedy: 'Stop it first, or name another configuration.',
  },
} as const
const deviceCommandFault: Raise<typeof DEVICE_COMMAND_FAULTS> = faults(DEVICE_COMMAND_FAULTS)

interface DeviceFlags {
  readonly config: string
  readonly tries?: number
  readonly messages?: number
  readonly json?: boolean
}

/** `birthmark device run`: the agent, until it is stopped. */
export function runCommand(): Command {
  return onDevice('run', 'Bring the device online by what it holds, and keep it there.')
    .option('--tries <count>', 'give up after so many failures in a row; default is never', count)
    .option('--messages <count>', 'stop after so many messages of telemetry', count)
    .addHelpText('after', RUN_EXAMPLES)
    .action(async (flags: DeviceFlags) => {
      await withAgent(flags, (agent) => runAgent(agent))
    })
}

/** `birthmark device rotate`: one rotation of a device that does not run. */
export function rotateCommand(): Command {
  return onDevice('rotate', 'Replace key and certificate; the old one is closed once the new one has connected.')
    .option('--tries <count>', 'give up after so many failures in a row; default is never', count)
    .addHelpText('after', '\nExample:\n  birthmark device rotate --config device.yaml --tries 10')
    .action(async (flags: DeviceFlags) => {
      await withAgent(flags, (agent) => rotateOnce(agent))
    })
}

/** `birthmark device status`: what the device holds and remembers. */
export function statusCommand(): Command {
  return onDevice('status', 'Show which certificate is in use, which one is on its way, and what is left to close.')
    .addHelpText('after', '\nExample:\n  birthmark device status --config device.yaml --json')
    .action(async (flags: DeviceFlags) => {
      const output = processOutput({ json: flags.json === true })
      await withParts(readConfiguration(flags.config), async ({ store, file }) => {
        const { current, pending, closing } = file.journal
        const held = await Promise.all(PLACES.map(async (place) => ({ place, identity: await store.identity(place) })))
        const certificates = held.flatMap(({ place, identity }) => {
          if (identity === undefined) return []
          const { fingerprint: certificateId, notAfter } = identity.certificate
          const isInUse = current?.certificateId === certificateId
          return [{ place, certificateId, notAfter: new Date(notAfter).toISOString(), isInUse }]
        })
        const { thingName } = current ?? {}
        output.json({ uid: store.uid, thingName, certificates, pending: pending?.step, closing })
        if (output.jsonWanted) return
        output.say(`Element ${store.uid}${thingName === undefined ? '' : `, thing ${thingName}`}`)
        for (const { place, certificateId, notAfter, isInUse } of certificates) {
          output.say(`  ${place}: ${certificateId}${isInUse ? ', in use' : ''}, until ${notAfter}`)
        }
        if (certificates.length === 0) output.say('  It holds no certificate.')
        if (pending !== undefined) output.say(`A new certificate is on its way (${pending.step}).`)
        for (const id of closing) output.say(`Still to be closed: ${id}`)
      })
    })
}

/** `birthmark device reset`: the device begins anew. */
export function resetCommand(): Command {
  return onDevice('reset', 'Forget what the cloud gave this device; it comes online as if new.')
    .addHelpText('after', '\nExample:\n  birthmark device reset --config device.yaml')
    .action(async (flags: DeviceFlags) => {
      const output = processOutput({ json: flags.json === true })
      const { data } = readConfiguration(flags.config)
      const file = JournalFile.open(data)
      const lock = lockAgent(file.path)
      try {
        const journal = resetJournal(file.journal)
        file.write(journal)
        output.json({ ignored: journal.ignored })
        output.say('The device begins anew. Close what it used so far in the cloud, unless that is done:')
        for (const id of journal.ignored) output.say(`  ${id}`)
      } finally {
        lock.release()
      }
    })
}

/** @throws `DEVICE_AGENT_RUNS` */
function lockAgent(path: string): FileLock {
  try {
    return lockFile(path)
  } catch (error) {
    if (!isFault(error, 'CHIP_FILE_IN_USE')) throw error
    throw deviceCommandFault('DEVICE_AGENT_RUNS', { path }, error)
  }
}

function onDevice(name: string, description: string): Command {
  return new Command(name).description(description).requiredOption('--config <file>', 'YAML or JSON, see the guide')
}

async function withAgent(flags: DeviceFlags, work: (agent: RunAgent) => Promise<void>): Promise<void> {
  const configuration = readConfiguration(flags.config)
  const output = processOutput({ json: flags.json === true })
  const abort = new AbortController()
  void listenForStop({ inputEnds: false }).told.then(() => abort.abort())
  await withParts(configuration, (parts) => {
    const { tries = Number.POSITIVE_INFINITY, messages } = flags
    return work({
      ...parts,
      signal: abort.signal,
      triesMax: tries,
      ...(messages === undefined ? {} : { messagesMax: messages }),
      onNotice: (notice) => tell(notice, output),
    })
  })
}

async function withParts(configuration: AgentConfiguration, work: (parts: AgentParts) => Promise<void>): Promise<void> {
  const file = JournalFile.open(configuration.data)
  // Two agents of one device would take turns at disconnecting each other, and at its journal.
  const lock = lockAgent(file.path)
  try {
    const store = await openStore(configuration.element)
    try {
      const close = configuration.rotation?.close
      await work({
        configuration,
        store,
        file,
        log: silentLog,
        clock: systemClock,
        entropy: systemEntropy,
        timers: systemTimers,
        ...(close?.by === 'control-plane' ? { closeCertificate: controlPlaneCloser(close) } : {}),
      })
    } finally {
      await store.close()
    }
  } finally {
    lock.release()
  }
}

function tell(notice: AgentNotice, output: Output): void {
  output.json(notice)
  if (output.jsonWanted) return
  switch (notice.event) {
    case 'state':
      return
    case 'receiver':
      return output.say(`Waiting for a claim: POST it to ${notice.url} with the code ${notice.code}`)
    case 'acquired':
      return output.say(`Got certificate ${notice.certificateId}${thing(notice.thingName)}`)
    case 'online':
      return output.say(`Online as ${notice.name}`)
    case 'published':
      return output.say(`Published message ${notice.count} to ${notice.topic}`)
    case 'command':
      return output.say(`Command on ${notice.topic}: ${notice.payload}`)
    case 'failed':
      return output.say(`${notice.code}: ${notice.message}; next try in ${notice.nextTryMs} ms`)
  }
}

function thing(name: string | undefined): string {
  return name === undefined ? '' : ` as thing ${name}`
}

function count(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

const PLACES = ['first', 'second'] as const
const RUN_EXAMPLES = `
Examples:
  birthmark device run --config device.yaml
  birthmark device run --config device.yaml --tries 20 --messages 3 --json`
