import { ALARM_RULES } from '@birthmark/cloud/abuse'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { accessFromEnvironment } from '../access.ts'
import { readOwnApi } from '../cloud-client.ts'
import { CONTROL_HELP, objectsIn, parseAddress } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { membersOf } from './control-flags.ts'

interface AlarmFlags {
  readonly control?: string
  readonly certificateId?: string
  readonly rule?: string
  readonly limit: number
  readonly follow?: boolean
  readonly json?: boolean
}

type AlarmView = Readonly<Record<string, unknown>>

/** `birthmark alarms`: claims that seem to have leaked, keys that two devices seem to have. */
export function alarmsCommand(): Command {
  return new Command('alarms')
    .description('Show what was noticed of leaked claims and shared keys, since the server started.')
    .option('--control <url>', CONTROL_HELP, parseAddress)
    .option('--certificate-id <id>', "only about this certificate: a claim, or a device's own")
    .addOption(new Option('--rule <rule>', 'only of this rule').choices(ALARM_RULES))
    .option('--limit <n>', 'at most so many, newest first', parseLimit, 20)
    .option('--follow', 'then go on with those that come, oldest first, until interrupted')
    .addHelpText('after', EXAMPLES)
    .action(alarms)
}

async function alarms(flags: AlarmFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const access = accessFromEnvironment(flags.control)
  const filter = {
    ...(flags.certificateId === undefined ? {} : { certificateId: flags.certificateId }),
    ...(flags.rule === undefined ? {} : { rule: flags.rule }),
  }
  const read = async (more: Readonly<Record<string, string>>): Promise<readonly AlarmView[]> =>
    objectsIn(membersOf(await readOwnApi(access, '/v1/alarms', { ...filter, ...more })), 'alarms')
  const show = (alarm: AlarmView): void => {
    output.json(alarm)
    if (!output.jsonWanted) for (const line of describe(alarm)) output.say(line)
  }
  const stop = flags.follow === true ? listenForStop({ inputEnds: false }) : undefined
  const known = await read({ limit: String(flags.limit) })
  const shown = stop === undefined ? known : known.toReversed()
  shown.forEach(show)
  if (stop !== undefined) return follow(read, sequenceOf(known[0]), show, stop)
  if (known.length === 0) output.say('No alarm fits.')
}

/** Shows each further alarm once. A server that has started again counts from 1 again. */
async function follow(
  read: (more: Readonly<Record<string, string>>) => Promise<readonly AlarmView[]>,
  since: number,
  show: (alarm: AlarmView) => void,
  stop: ReturnType<typeof listenForStop>,
): Promise<void> {
  let after = since
  while (!stop.isTold) {
    const more = await read({ after: String(after), limit: '1000' })
    more.forEach(show)
    if (more.length > 0) after = sequenceOf(more.at(-1))
    else if (sequenceOf((await read({ limit: '1' }))[0]) < after) after = 0
    await Promise.race([pause(LOOK_AGAIN), stop.told])
  }
}

function sequenceOf(alarm: AlarmView | undefined): number {
  return Number(alarm?.['sequence'] ?? 0)
}

function* describe(alarm: AlarmView): Generator<string> {
  yield `${new Date(Number(alarm['at'])).toISOString()}  ${String(alarm['rule'])}`
  yield `    ${String(alarm['reason'])} ${String(alarm['remedy'])}`
  yield `    done: ${String(alarm['action'])}`
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,2}$|^1000$/.test(text)) throw new InvalidArgumentError('Name a whole number from 1 to 1000.')
  return Number(text)
}

/** How often new alarms are looked for. */
const LOOK_AGAIN = millis(500)

const EXAMPLES = `
Examples:
  birthmark alarms
  birthmark alarms --rule KEY_SHARED --json
  birthmark alarms --follow`
