import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import { isSecurityPolicy, OLD_SECURITY_POLICIES, SECURITY_POLICIES, type SecurityPolicy } from '@birthmark/cloud/front'
import {
  type AuthorityClient,
  connectAuthority,
  parseLimits,
  requireSocketPath,
  startServer,
} from '@birthmark/cloud/server'
import { Fault, jsonLog } from '@birthmark/foundation/kernel'
import {
  makeFolder,
  readTextFile,
  replaceFile,
  systemClock,
  systemEntropy,
  systemTimers,
} from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Output, processOutput } from '../output.ts'
import { type Companion, startCompanion } from '../processes.ts'
import { listenForStop } from '../signals.ts'
import { type AbuseFlags, abuseOptionsOf, withAbuseOptions } from './abuse-flags.ts'

interface ServerFlags extends AbuseFlags {
  readonly data: string
  readonly listen: string
  readonly host: string
  readonly region: string
  readonly mqttPort: number
  readonly httpsPort: number
  readonly controlPort: number
  readonly controlHttpPort: number
  readonly mqttPlainPort?: number
  readonly profile: 'aws' | 'standard'
  readonly limit: readonly string[]
  readonly sessionExpiry?: number
  readonly replayRate?: number
  readonly authoritySocket?: string
  readonly firstConnection: 'close' | 'inline'
  readonly existingThings: 'bind' | 'replace' | 'refuse'
  readonly sameKey: 'add' | 'replace'
  readonly securityPolicy?: SecurityPolicy
  readonly metricsPort?: number
  readonly workers: number
  readonly throttle?: 'aws'
  readonly untilInputEnds?: boolean
  readonly json?: boolean
}

/** `birthmark server`: the cloud for real use. */
export function serverCommand(): Command {
  return withAbuseOptions(serverOptions()).addHelpText('after', EXAMPLES).action(runServer)
}

function serverOptions(): Command {
  return new Command('server')
    .description('Run the cloud on a data directory: MQTT over mutual TLS, and the AWS IoT control plane.')
    .requiredOption('--data <folder>', 'data directory; made when absent, nothing outside it is written')
    .option('--listen <address>', 'address to listen on', '127.0.0.1')
    .option('--host <name>', "name that clients use; the endpoint's certificate carries it", 'localhost')
    .option('--region <name>', 'region of a new data directory', 'us-east-1')
    .option('--mqtt-port <n>', 'MQTT over mutual TLS (0: any free port)', port, 8883)
    .option('--https-port <n>', 'HTTPS, WebSocket, and MQTT by ALPN', port, 8443)
    .option('--control-port <n>', 'control plane over HTTPS', port, 9443)
    .option('--control-http-port <n>', 'control plane over plain HTTP, loopback only', port, 9080)
    .option('--mqtt-plain-port <n>', 'MQTT without TLS, on loopback only, for tests and first steps', port)
    .option('--authority-socket <path>', 'sign with this authority instead of the one started beside the server')
    .option('--session-expiry <seconds>', 'how long sessions outlive their connections, at most', sessionSeconds)
    .option(
      '--replay-rate <n>',
      'stored messages a client gets in a second (AWS IoT: 10; as many as it can take)',
      rate,
    )
    .addOption(
      new Option('--profile <name>', "AWS IoT's behaviour where it differs from MQTT's standards, or the standards'")
        .choices(['aws', 'standard'])
        .default('aws'),
    )
    .option(
      '--limit <name=value...>',
      'set limits; may be given several times (docs/reference/limits.md has the names)',
      limits,
      [],
    )
    .addOption(
      new Option('--first-connection <how>', 'a device that was provisioned just in time connects again, or is let in')
        .choices(['close', 'inline'])
        .default('close'),
    )
    .addOption(
      new Option('--existing-things <how>', 'what a claim gets that asks for a thing with another certificate')
        .choices(['bind', 'replace', 'refuse'])
        .default('bind'),
    )
    .addOption(
      new Option('--same-key <how>', 'what a certificate does to another one of its thing that has the same key')
        .choices(['add', 'replace'])
        .default('add'),
    )
    .option('--workers <n>', 'processes that serve devices (0: this one does)', workerCount, 0)
    .option('--security-policy <name>', `TLS of the devices' ports: ${SECURITY_POLICIES.join(', ')}`, securityPolicy)
    .option('--metrics-port <n>', 'serve metrics for Prometheus on loopback', port)
    .addOption(new Option('--throttle <rates>', 'hold each account to these rates of requests').choices(['aws']))
    .addOption(new Option('--until-input-ends', 'stop when standard input ends: for a parent process').hideHelp())
}

async function runServer(flags: ServerFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: flags.untilInputEnds === true })
  const output = processOutput({ json: flags.json === true })
  const folder = resolve(flags.data)
  const authority = new AuthorityBeside(folder, flags)
  try {
    const server = await startServer({
      ...flags,
      ...abuseOptionsOf(flags),
      limits: parseLimits(flags.limit),
      folder,
      address: flags.listen,
      clock: systemClock,
      entropy: systemEntropy,
      timers: systemTimers,
      log: jsonLog(systemClock, (line) => process.stderr.write(line)),
      openCertificateProvider: () => authority.open(),
    })
    announce(output, server)
    await stop.told
    await server.close()
  } catch (error) {
    // Ctrl-C reaches the authority beside the server too: what fails for want of it is part of the stop.
    if (!stop.isTold) throw error
  } finally {
    await authority.close()
  }
}

/** The authority that signs for this server: a process of its own, so that whoever faces devices holds no CA key. */
class AuthorityBeside {
  readonly #folder: string
  readonly #flags: ServerFlags
  #process: Companion | undefined
  #client: AuthorityClient | undefined

  constructor(folder: string, flags: ServerFlags) {
    this.#folder = folder
    this.#flags = flags
  }

  async open(): Promise<AuthorityClient> {
    const socket = this.#flags.authoritySocket ?? (await this.#start())
    this.#client = await connectAuthority(socket)
    return this.#client
  }

  async close(): Promise<void> {
    this.#client?.close()
    await this.#process?.stop()
  }

  async #start(): Promise<string> {
    const socket = join(makeFolder(join(this.#folder, 'run')), 'authority.sock')
    requireSocketPath(socket)
    const passphraseFile = join(this.#folder, 'authority.passphrase')
    if (readTextFile(passphraseFile) === undefined)
      replaceFile(passphraseFile, `${randomBytes(32).toString('base64url')}\n`)
    // Each account and region has a name of its own below the host's.
    const names = [...new Set([this.#flags.host, `.${this.#flags.host}`, '.localhost', ...LOCAL_NAMES])]
    const folder = join(this.#folder, 'authority')
    this.#process = await startCompanion(['ca', 'serve'], {
      data: folder,
      socket,
      'passphrase-file': passphraseFile,
      name: 'Platform Trust Services',
      'endpoint-name': names,
    })
    return socket
  }
}

const LOCAL_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1']

function announce(output: Output, server: Awaited<ReturnType<typeof startServer>>): void {
  const { scope, accessKey } = server
  const secret = accessKey.secret === undefined ? {} : { secretAccessKey: accessKey.secret }
  const { mqtt, https, control, controlHttp, mqttPlain, rootPath } = server
  const metrics = server.metrics === undefined ? {} : { metrics: server.metrics }
  const where = {
    mqtt,
    https,
    control,
    controlHttp,
    root: rootPath,
    account: scope.account,
    region: scope.region,
    ...(mqttPlain !== undefined && { mqttPlain: mqttPlain.address }),
    ...metrics,
  }
  output.json({ ready: true, ...where, accessKeyId: accessKey.id, ...secret })
  if (output.jsonWanted) return
  output.say('The cloud is ready.')
  for (const [name, value] of Object.entries(where)) output.say(`  ${name.padEnd(12)} ${value}`)
  output.say(`  ${'access key'.padEnd(12)} ${accessKey.id}`)
  if (accessKey.secret !== undefined) output.say(`  ${'secret'.padEnd(12)} ${accessKey.secret}   (shown this once)`)
  if (mqttPlain !== undefined) {
    output.say('MQTT without TLS asks nobody who they are: its clients are the principal local, bound by the policy')
    output.say(`birthmark-local. Create or change it to allow them less; now it is ${mqttPlain.policy}`)
  }
  output.say('Stop it with Ctrl-C.')
}

/** Says at once what is wrong with a limit. */
function limits(value: string, known: readonly string[]): readonly string[] {
  try {
    parseLimits([value])
  } catch (error) {
    throw error instanceof Fault ? new InvalidArgumentError(`${error.message}. ${error.remedy}`) : error
  }
  return [...known, value]
}

function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('Name a port from 0 to 65535.')
  return value
}

/** AWS IoT's longest is 7 days. */
function sessionSeconds(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > SESSION_EXPIRY_MAX)
    throw new InvalidArgumentError(`Name seconds from 0 to ${SESSION_EXPIRY_MAX}.`)
  return value
}

/** AWS IoT's names. */
function securityPolicy(text: string): SecurityPolicy {
  if (isSecurityPolicy(text)) return text
  const isOld = OLD_SECURITY_POLICIES.includes(text)
  const why = isOld ? `${text} allows TLS 1.0 and 1.1, which are not spoken here.` : ''
  throw new InvalidArgumentError(`${why} Name one of ${SECURITY_POLICIES.join(', ')}.`.trim())
}

function rate(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Name a whole number from 1 on.')
  return value
}

function workerCount(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > WORKERS_MAX)
    throw new InvalidArgumentError(`Name a whole number from 0 to ${WORKERS_MAX}.`)
  return value
}

/** More processes than a machine has cores gain nothing; this is beyond any machine that one registry can feed. */
const WORKERS_MAX = 64
const SESSION_EXPIRY_MAX = 604_800
const EXAMPLES = `
Examples:
  birthmark server --data ./cloud
  birthmark server --data ./cloud --mqtt-port 0 --https-port 0 --control-port 0 --control-http-port 0 --json
  birthmark server --data ./cloud --listen 0.0.0.0 --host iot.example.net`
