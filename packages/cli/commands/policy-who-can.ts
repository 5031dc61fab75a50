import { Command, InvalidArgumentError } from 'commander'
import { type CloudFlags, objectsIn, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { POLICY_ACTIONS, policyRequest } from './policy-actions.ts'

interface WhoCanFlags extends CloudFlags {
  readonly clientId?: string
  readonly sourceIp?: string
  readonly limit?: number
}

/** `birthmark policy who-can`: which devices of the fleet may do something. */
export function whoCanCommand(): Command {
  return onCloudOrData(new Command('who-can'))
    .description('Say which devices of the fleet may do something, and which statement lets them.')
    .argument('<action>', [...POLICY_ACTIONS.keys()].join(', '))
    .argument('<resource>', 'client id, topic or topic filter; or an ARN')
    .option('--client-id <id>', 'the client id that all connect with; else the names of their things')
    .option('--source-ip <address>', 'the address that they connect from')
    .option('--limit <n>', 'stop after so many; all of them when absent', parseLimit)
    .addHelpText('after', EXAMPLES)
    .action(whoCan)
}

/** Shows each device as it is found: a fleet of any size needs the memory of one answer. */
async function whoCan(action: string, resource: string, flags: WhoCanFlags, command: Command): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const request = policyRequest(action, resource, command)
  const { clientId, sourceIp, limit = Number.POSITIVE_INFINITY } = flags
  const question = { ...request, clientId, sourceIp, limit: EXAMINED_AT_ONCE }
  let [shown, examined] = [0, 0]
  await withOwnApi(flags, async (api) => {
    let after: string | undefined
    do {
      const answer = await api('GET', '/v1/who-can', withoutGaps({ ...question, after }))
      for (const principal of objectsIn(answer, 'principals').slice(0, limit - shown)) {
        output.json(principal)
        if (!output.jsonWanted) output.say(describe(principal))
        shown += 1
      }
      examined += Number(answer['examined'])
      after = typeof answer['next'] === 'string' ? answer['next'] : undefined
    } while (after !== undefined && shown < limit)
  })
  output.say(`${shown} may, of ${examined} certificates that were looked at.`)
}

function describe({ certificateId, clientId, allowedBy, mayConnect }: Readonly<Record<string, unknown>>): string {
  const { policy, index, sid }: Readonly<Record<string, unknown>> = { ...Object(allowedBy) }
  const name = typeof sid === 'string' ? ` ("${sid}")` : ''
  const statement = `Statement[${String(index)}]${name} of "${String(policy)}"`
  const who = typeof clientId === 'string' ? clientId : 'any client id'
  const unable = mayConnect === false ? '  (its policies do not let it connect)' : ''
  return `${who}  certificate ${String(certificateId)}  by ${statement}${unable}`
}

function withoutGaps(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Name a whole number from 1.')
  return Number(text)
}

/** Certificates that one request examines. */
const EXAMINED_AT_ONCE = 250

const EXAMPLES = `
Examples:
  birthmark policy who-can publish dt/press-7/t
  birthmark policy who-can subscribe 'dt/#' --json
  birthmark policy who-can connect press-7 --source-ip 192.0.2.4`
