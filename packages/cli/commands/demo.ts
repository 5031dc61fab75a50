import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { asFileFault } from '@birthmark/foundation/system'
import { Command, InvalidArgumentError, Option } from 'commander'
import { readDocument } from '../demo/documents.ts'
import { demoFault } from '../demo/faults.ts'
import { runMainJob } from '../demo/job.ts'
import { showWay, WAYS } from '../demo/ways/index.ts'
import { type Output, processOutput } from '../output.ts'
import { stopCompanions } from '../processes.ts'
import { interruptible } from '../signals.ts'

interface DemoFlags {
  readonly way: string
  readonly devices: number
  readonly data?: string
  readonly keep?: boolean
  readonly template?: string
  readonly policy?: string
  readonly json?: boolean
}

/** `birthmark demo`: the main job, end to end. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Run the whole road: blank chips, a line, a cloud, first connections, telemetry, two refusals.')
    .addOption(
      new Option('--way <name>', 'how the devices come online, see below')
        .choices(['jitp', ...WAYS.keys()])
        .default('jitp'),
    )
    .option('--devices <n>', `how many chips to personalise, ${DEVICES_MIN} to ${DEVICES_MAX}`, parseCount, 100)
    .option('--data <folder>', 'where everything is written; default: a temporary folder, ./birthmark-demo with --keep')
    .option('--keep', 'leave the cloud running and the folder in place, with files for other clients')
    .option('--template <file>', 'provision with this template instead of the built-in one')
    .option('--policy <file>', 'bind the devices with this policy document instead of the built-in one')
    .addHelpText('after', () => `${waysText()}${EXAMPLES}`)
    .action(runDemo)
}

async function runDemo(flags: DemoFlags, command: Command): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const way = WAYS.get(flags.way)
  const unfit = ['devices', 'keep', 'template', 'policy'].find((one) => command.getOptionValueSource(one) === 'cli')
  if (way !== undefined && unfit !== undefined) throw demoFault('DEMO_OPTION_UNFIT', { way: flags.way, option: unfit })
  const documents = {
    ...(flags.template === undefined ? {} : { template: readDocument(flags.template) }),
    ...(flags.policy === undefined ? {} : { policy: readDocument(flags.policy) }),
  }
  const keep = flags.keep === true
  const folder = demoFolder(flags.data, keep)
  try {
    await interruptible((onDone) =>
      way === undefined
        ? runMainJob({ devices: flags.devices, folder, keep, documents, output, onDone })
        : showWay(way, { name: flags.way, folder, output }),
    )
  } finally {
    await stopCompanions()
    if (!keep) leaveFolder(folder, flags.data, output)
  }
}

function waysText(): string {
  const line = (name: string, summary: string): string => `  ${name.padEnd(16)}${summary}\n`
  const others = Array.from(WAYS, ([name, { summary }]) => line(name, summary))
  return `\nWays:\n${line('jitp', 'the whole road, with just-in-time provisioning')}${others.join('')}`
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < DEVICES_MIN || count > DEVICES_MAX) {
    throw new InvalidArgumentError(`Name a whole number from ${DEVICES_MIN} to ${DEVICES_MAX}.`)
  }
  return count
}

/** @throws `DEMO_FOLDER_NOT_EMPTY`: what is there is never overwritten */
function demoFolder(named: string | undefined, keep: boolean): string {
  if (named === undefined && !keep) return makeTemporaryFolder()
  const path = resolve(named ?? 'birthmark-demo')
  if (!isEmpty(path)) throw demoFault('DEMO_FOLDER_NOT_EMPTY', { path })
  return path
}

function makeTemporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'birthmark-demo-'))
  } catch (error) {
    throw asFileFault(error, tmpdir())
  }
}

/** Tells whether a folder is empty or absent; what stands there that is no folder is found out when it is used. */
function isEmpty(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return true
  }
}

/** A folder that the user named stays; the demo's own goes with the process: an interrupted job still writes. */
function leaveFolder(folder: string, named: string | undefined, output: Output): void {
  if (named === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  else if (!isEmpty(folder)) output.say(`Everything is in ${folder}.`)
}

/** Two, so that one device can try the other's topic. */
const DEVICES_MIN = 2
/** What one process and one temporary folder take without tuning; a benchmark is another program. */
const DEVICES_MAX = 10_000

const EXAMPLES = `
Examples:
  birthmark demo
  birthmark demo --devices 200 --keep
  birthmark demo --devices 10 --data ./trial --json
  birthmark demo --way claim`
