import { basename } from 'node:path'
import { notJson } from '@birthmark/factory/json'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { Command, InvalidArgumentError, Option } from 'commander'
import { callOwnApi } from '../cloud-client.ts'
import { processOutput } from '../output.ts'
import { readInput } from './ca-folder.ts'
import { accessOf, type ControlFlags, listOf, membersOf, usesControl } from './control-flags.ts'

export const FUNCTION_COMMAND_FAULTS = {
  FUNCTION_EVENT_INVALID: {
    blame: 'caller',
    message: 'the event in {path} is {why}',
    remedy: 'Write the event as JSON, as the function is to get it.',
  },
} as const
const functionsFault: Raise<typeof FUNCTION_COMMAND_FAULTS> = faults(FUNCTION_COMMAND_FAULTS)

/** `birthmark functions`: what rules and pre-provisioning hooks call. */
export function functionsCommand(): Command {
  const command = new Command('functions').description('Functions as AWS Lambda runs them, for rules and hooks.')
  command.addCommand(addCommand())
  command.addCommand(listCommand())
  command.addCommand(invokeCommand())
  command.addCommand(deleteCommand())
  return command
}

interface AddFlags extends ControlFlags {
  readonly module?: string
  readonly url?: string
  readonly handler?: string
  readonly role?: string
  readonly policy?: string
  readonly timeout: number
  readonly memory: number
}

function addCommand(): Command {
  return usesControl(new Command('add'))
    .description('Add a function, or replace its code: a module with a handler, or an HTTP endpoint.')
    .argument('<name>', '1 to 64 of a-z A-Z 0-9 _ -')
    .addOption(new Option('--module <file>', 'JavaScript or TypeScript module').conflicts('url'))
    .option('--url <url>', "endpoint that speaks Lambda's Invoke")
    .option('--handler <name>', 'the export that takes (event, context)')
    .addOption(
      new Option('--role <name>', 'gives it a key with this role')
        .choices(['administrator', 'operator', 'line', 'auditor'])
        .conflicts('policy'),
    )
    .option('--policy <file>', 'gives it a key that may do what this policy document allows')
    .option('--timeout <seconds>', 'how long it may take', parseNumber, 3)
    .option('--memory <MB>', 'heap of its process', parseNumber, 128)
    .addHelpText('after', EXAMPLES)
    .action(addFunction)
}

async function addFunction(name: string, flags: AddFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const { module: path, url, handler, role, policy } = flags
  const answer = await callOwnApi(accessOf(flags), 'POST', '/v1/functions', {
    name,
    ...(path !== undefined && { file: basename(path), source: readInput(path) }),
    ...(url !== undefined && { url }),
    ...(handler !== undefined && { handler }),
    ...(role !== undefined && { role }),
    ...(policy !== undefined && { policyDocument: readInput(policy) }),
    timeoutMs: Math.round(flags.timeout * 1000),
    memoryMb: flags.memory,
  })
  output.json(membersOf(answer))
  output.say(`Function ${name} is ready as ${String(membersOf(answer)['arn'])}.`)
}

function listCommand(): Command {
  return usesControl(new Command('list'))
    .description('List the functions.')
    .addHelpText('after', '\nExample:\n  birthmark functions list')
    .action(async (flags: ControlFlags) => {
      const output = processOutput({ json: flags.json === true })
      const functions = listOf(await callOwnApi(accessOf(flags), 'GET', '/v1/functions'), 'functions')
      for (const one of functions) {
        output.json(one)
        output.say(`${String(one['name'])}  ${String(one['url'] ?? one['file'])}  ${String(one['arn'])}`)
      }
      if (functions.length === 0) output.say('There is no function.')
    })
}

function invokeCommand(): Command {
  return usesControl(new Command('invoke'))
    .description('Run a function once and show its answer.')
    .argument('<name>', 'name of the function')
    .option('--event <file>', 'the event as JSON, - for standard input; an empty object when absent')
    .addHelpText('after', '\nExample:\n  birthmark functions invoke allow --event event.json')
    .action(async (name: string, flags: ControlFlags & { readonly event?: string }) => {
      const output = processOutput({ json: flags.json === true })
      const event: unknown = flags.event === undefined ? {} : readEvent(flags.event)
      const path = `/v1/invocations/${encodeURIComponent(name)}`
      const result = membersOf(await callOwnApi(accessOf(flags), 'POST', path, { event }))
      output.json(result)
      const { outcome, answer, why } = result
      const told = outcome === 'answered' ? JSON.stringify(answer, null, 2) : why
      output.say(`${String(outcome)}: ${typeof told === 'string' ? told : 'it took too long'}`)
      if (outcome !== 'answered') process.exitCode = 1
    })
}

/** Reads the event of an invocation. @throws `FUNCTION_EVENT_INVALID`, `CA_INPUT_MISSING` */
function readEvent(path: string): unknown {
  const text = readInput(path)
  try {
    return JSON.parse(text)
  } catch {
    throw functionsFault('FUNCTION_EVENT_INVALID', { path, why: notJson(text) })
  }
}

function deleteCommand(): Command {
  return usesControl(new Command('delete'))
    .description('Delete a function.')
    .argument('<name>', 'name of the function')
    .addHelpText('after', '\nExample:\n  birthmark functions delete allow')
    .action(async (name: string, flags: ControlFlags) => {
      const output = processOutput({ json: flags.json === true })
      await callOwnApi(accessOf(flags), 'DELETE', `/v1/functions/${encodeURIComponent(name)}`)
      output.json({ deleted: name })
      output.say(`Function ${name} is deleted.`)
    })
}

function parseNumber(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('Name a number above 0.')
  return value
}

const EXAMPLES = `
Examples:
  birthmark functions add activate --module activate.ts --role operator
  birthmark functions add check --url http://127.0.0.1:3001 --timeout 5`
