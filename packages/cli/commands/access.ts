import { readFileSync } from 'node:fs'
import { asFileFault } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { accessFromEnvironment, keepProfile } from '../access.ts'
import { readOwnApi } from '../cloud-client.ts'
import { type CloudFlags, objectsIn, onCloud, onCloudOrData, withOwnApi } from '../cloud-options.ts'
import { type Output, processOutput } from '../output.ts'
import { asDate, tableLines } from '../table.ts'

/** `birthmark access`: who may call the control plane. */
export function accessCommand(): Command {
  return new Command('access')
    .description('Say who may call the control plane: access keys and their roles.')
    .addCommand(createCommand())
    .addCommand(listCommand())
    .addCommand(revokeCommand())
    .addCommand(loginCommand())
    .addCommand(logCommand())
}

interface CreateFlags extends CloudFlags {
  readonly name: string
  readonly role?: string
  readonly template?: readonly string[]
  readonly policy?: string
  readonly for?: number
}

function createCommand(): Command {
  return onCloudOrData(new Command('create'))
    .description('Make an access key; its secret is shown this once.')
    .requiredOption('--name <name>', 'whose key it is')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES))
    .option('--template <name...>', 'of an installer: the templates that it may ask claims of')
    .option('--policy <file>', 'permissions of its own: a policy document, instead of a role')
    .option('--for <time>', 'make a temporary key: 15m to 36h', parseSpan)
    .addHelpText('after', CREATE_EXAMPLES)
    .action(create)
}

async function create(flags: CreateFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { accessKey } = await withOwnApi(flags, (api) =>
    api('POST', '/v1/access', {
      name: flags.name,
      ...(flags.role === undefined ? {} : { role: flags.role }),
      ...(flags.template === undefined ? {} : { templates: flags.template }),
      ...(flags.policy === undefined ? {} : { policyDocument: readDocument(flags.policy) }),
      ...(flags.for === undefined ? {} : { lastsSeconds: flags.for }),
    }),
  )
  sayKey(output, { ...Object(accessKey) })
}

/** Tells a new key as environment variables that a shell takes. */
export function sayKey(output: Output, key: Readonly<Record<string, unknown>>): void {
  output.json(key)
  if (output.jsonWanted) return
  output.say(`Key of ${String(key['name'])}, role ${String(key['role'])}. The secret is shown this once.`)
  output.say(`  export AWS_ACCESS_KEY_ID=${String(key['accessKeyId'])}`)
  output.say(`  export AWS_SECRET_ACCESS_KEY=${String(key['secretAccessKey'])}`)
  const token = key['sessionToken']
  if (typeof token === 'string') output.say(`  export AWS_SESSION_TOKEN=${token}`)
  if (key['expiresAt'] !== undefined) output.say(`It ends at ${new Date(Number(key['expiresAt'])).toISOString()}.`)
}

function readDocument(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw asFileFault(error, path)
  }
}

function listCommand(): Command {
  return onCloudOrData(new Command('list'))
    .description('List the access keys of the account, without their secrets.')
    .addHelpText('after', '\nExample:\n  birthmark access list')
    .action(async (flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const answer = await withOwnApi(flags, (api) => api('GET', '/v1/access'))
      const keys = objectsIn(answer, 'accessKeys')
      for (const key of keys) output.json(key)
      if (output.jsonWanted) return
      const rows = keys.map((key) => ({
        ...key,
        createdAt: asDate(key['createdAt']),
        expiresAt: asDate(key['expiresAt']),
      }))
      for (const line of tableLines(KEY_COLUMNS, rows)) output.say(line)
    })
}

function revokeCommand(): Command {
  return onCloudOrData(new Command('revoke'))
    .description('End an access key at once.')
    .argument('<access-key-id>', 'for example AKIA…')
    .addHelpText('after', '\nExample:\n  birthmark access revoke AKIAQQQQQQQQQQQQQQQQ')
    .action(async (id: string, flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      await withOwnApi(flags, (api) => api('DELETE', `/v1/access/${encodeURIComponent(id)}`))
      output.json({ revoked: id })
      output.say(`${id} is revoked.`)
    })
}

function loginCommand(): Command {
  return onCloud(new Command('login'))
    .description('Try the access in the environment and keep it for the commands to come.')
    .addHelpText('after', LOGIN_EXAMPLE)
    .action(async (flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const access = accessFromEnvironment(flags.control)
      // Whatever the key may do, a refusal of the signature comes before one of the permission.
      const failure = await readOwnApi(access, '/v1/access', {}).catch((error: unknown) => error)
      if (failure instanceof Error && !failure.message.includes('is not authorized to perform')) throw failure
      const path = keepProfile(access)
      output.json({ profile: path, endpoint: access.endpoint, accessKeyId: access.accessKeyId })
      output.say(`Kept in ${path}: ${access.accessKeyId} at ${access.endpoint}.`)
    })
}

interface LogFlags extends CloudFlags {
  readonly key?: string
  readonly action?: string
  readonly outcome?: string
  readonly limit: number
}

function logCommand(): Command {
  return onCloudOrData(new Command('log'))
    .description('Show the audit log: who changed or tried to change what, newest first.')
    .option('--key <access-key-id>', 'only what this key signed')
    .option('--action <action>', 'only this action, for example iot:CreateThing')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(['done', 'denied', 'refused', 'failed']))
    .option('--limit <n>', 'at most so many', parseCount, 50)
    .addHelpText('after', '\nExample:\n  birthmark access log --outcome denied')
    .action(async (flags: LogFlags) => {
      const output = processOutput({ json: flags.json === true })
      const { key, action, outcome, limit } = flags
      const answer = await withOwnApi(flags, (api) =>
        api('GET', '/v1/audit', {
          limit,
          ...(key === undefined ? {} : { accessKeyId: key }),
          ...(action === undefined ? {} : { action }),
          ...(outcome === undefined ? {} : { outcome }),
        }),
      )
      const entries = objectsIn(answer, 'entries')
      for (const entry of entries) output.json(entry)
      if (output.jsonWanted) return
      const rows = entries.map((entry) => ({ ...entry, at: asDate(entry['at']) }))
      for (const line of tableLines(LOG_COLUMNS, rows)) output.say(line)
    })
}

/** Reads a span such as 15m or 12h, as seconds. */
function parseSpan(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([smh])$/.exec(text) ?? []
  if (digits === undefined) throw new InvalidArgumentError('Name a time such as 30m or 12h.')
  return Number(digits) * (unit === 'h' ? 3600 : unit === 'm' ? 60 : 1)
}

function parseCount(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('Name a whole number from 1 to 1000.')
  return Number(text)
}

const ROLES: readonly string[] = ['administrator', 'operator', 'line', 'installer', 'auditor']

const KEY_COLUMNS = {
  accessKeyId: 'Key',
  name: 'Name',
  role: 'Role',
  region: 'Region',
  createdAt: 'Made',
  expiresAt: 'Ends',
} as const

const LOG_COLUMNS = {
  sequence: 'No.',
  at: 'When',
  keyName: 'Who',
  sourceIp: 'From',
  action: 'What',
  resources: 'On',
  outcome: 'Outcome',
  code: 'Why',
} as const

const CREATE_EXAMPLES = `
Roles: administrator (everything), operator (all but keys and accounts), line (registers devices),
installer (asks for claims of named templates), auditor (reads).

Examples:
  birthmark access create --name line-2 --role line
  birthmark access create --name van-3 --role installer --template Meters --for 12h
  birthmark access create --name me --role administrator --data ./cloud    (while no server runs)`

const LOGIN_EXAMPLE = `
Example:
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… birthmark access login --control http://127.0.0.1:9080`
