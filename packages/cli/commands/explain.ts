import { Command, InvalidArgumentError, Option } from 'commander'
import { accessFromEnvironment } from '../access.ts'
import { type AttemptView, readAttempts } from '../attempts.ts'
import { processOutput } from '../output.ts'

interface ExplainFlags {
  readonly control: string
  readonly certificateId?: string
  readonly clientId?: string
  readonly outcome?: string
  readonly limit: number
  readonly json?: boolean
}

/** `birthmark explain`: why connections ended as they did. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('Say why connections were refused or ended, as the cloud recorded it.')
    .option('--control <url>', 'address of the control plane', parseAddress, 'http://127.0.0.1:9080')
    .option('--certificate-id <id>', 'only connections with this certificate')
    .option('--client-id <id>', 'only connections of this MQTT client')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['open', 'refused', 'ended']))
    .option('--limit <n>', 'at most so many, newest first', parseLimit, 20)
    .addHelpText('after', EXAMPLES)
    .action(explain)
}

async function explain(flags: ExplainFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { certificateId, clientId, outcome, limit } = flags
  const attempts = await readAttempts(accessFromEnvironment(flags.control), {
    limit: String(limit),
    ...(certificateId === undefined ? {} : { certificateId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(outcome === undefined ? {} : { outcome }),
  })
  for (const attempt of attempts) {
    output.json(attempt)
    if (!output.jsonWanted) for (const line of describe(attempt)) output.say(line)
  }
  if (attempts.length === 0) output.say('No connection fits.')
}

function parseAddress(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError('Name an address such as http://127.0.0.1:9080.')
  return text
}

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
  birthmark explain --client-id meter-1 --json`
