import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { accessFromEnvironment } from '../access.ts'
import { type AttemptView, readAttempts } from '../attempts.ts'
import { CONTROL_HELP, parseAddress } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'
import { AttemptFollower } from './attempt-follower.ts'

interface ExplainFlags {
  readonly control?: string
  readonly certificateId?: string
  readonly clientId?: string
  readonly outcome?: string
  readonly limit: number
  readonly follow?: boolean
  readonly json?: boolean
}

/** `birthmark explain`: why connections ended as they did. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('Say why connections were refused or ended, as the cloud recorded it.')
    .option('--control <url>', CONTROL_HELP, parseAddress)
    .option('--certificate-id <id>', 'only connections with this certificate')
    .option('--client-id <id>', 'only connections of this MQTT client')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['open', 'refused', 'ended']))
    .option('--limit <n>', 'at most so many, newest first', parseLimit, 20)
    .option('--follow', 'then go on with what is refused or ends from now on, oldest first, until interrupted')
    .addHelpText('after', EXAMPLES)
    .action(explain)
}

async function explain(flags: ExplainFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { certificateId, clientId, outcome, limit } = flags
  const access = accessFromEnvironment(flags.control)
  const filter = {
    ...(certificateId === undefined ? {} : { certificateId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(outcome === undefined ? {} : { outcome }),
  }
  const show = (attempt: AttemptView): void => {
    output.json(attempt)
    if (!output.jsonWanted) for (const line of describe(attempt)) output.say(line)
  }
  if (flags.follow === true) {
    // Apart, so that a flood of refusals does not push the others out.
    const outcomes = outcome === undefined ? ['refused', 'ended'] : [outcome]
    const one = (of: string) => readAttempts(access, { ...filter, outcome: of, limit: String(FOLLOWED_MAX) })
    return follow(() => Promise.all(outcomes.map(one)), limit, show)
  }
  const attempts = await readAttempts(access, { ...filter, limit: String(limit) })
  attempts.forEach(show)
  if (attempts.length === 0) output.say('No connection fits.')
}

/** Shows each attempt once, when it is over. */
async function follow(
  read: () => Promise<readonly (readonly AttemptView[])[]>,
  limit: number,
  show: (attempt: AttemptView) => void,
): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const follower = new AttemptFollower(FOLLOWED_MAX)
  follower
    .take(await read())
    .fresh.slice(-limit)
    .forEach(show)
  while (!stop.isTold) {
    await Promise.race([pause(LOOK_AGAIN), stop.told])
    const { fresh, mayHaveMissed } = follower.take(await read())
    if (mayHaveMissed)
      process.stderr.write(`More ended than ${FOLLOWED_MAX} since the last look: some are not shown.\n`)
    fresh.forEach(show)
  }
}

/** As many attempts as one answer may hold. */
const FOLLOWED_MAX = 1000
/** How often new attempts are looked for: soon enough for a person, and cheap for a server. */
const LOOK_AGAIN = millis(500)

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Name a whole number from 1.')
  return Number(text)
}

function* describe(attempt: AttemptView): Generator<string> {
  const who = attempt.clientId ?? attempt.certificateId?.slice(0, 16) ?? 'unknown'
  const when = new Date(attempt.startedAt).toISOString()
  yield `${when}  ${who}  ${attempt.outcome}${attempt.cause ? `  ${attempt.cause.code}` : ''}`
  for (const { after, step, detail } of attempt.steps) yield `    +${String(after).padStart(6)} ms  ${step}: ${detail}`
  if (attempt.cause) yield `    ${attempt.cause.reason} ${attempt.cause.remedy}`
}

const EXAMPLES = `
Signs with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.

Examples:
  birthmark explain --outcome refused
  birthmark explain --client-id meter-1 --json
  birthmark explain --outcome refused --follow`
