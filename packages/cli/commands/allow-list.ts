import { withDevices } from '@birthmark/factory/manifest'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { parseCertificate } from '@birthmark/foundation/x509'
import { Command, Option } from 'commander'
import { type CloudAccess, callOwnApi } from '../cloud-client.ts'
import { type Output, processOutput } from '../output.ts'
import { readInput } from './ca-folder.ts'
import { accessOf, type ControlFlags, listOf, usesControl } from './control-flags.ts'
import { type ManifestFlags, maySkipRows, readsManifest, rowsOf, tellRow, tellSummary } from './manifest-flags.ts'

export const ALLOW_LIST_FAULTS = {
  ALLOW_LIST_VALUE_MISSING: {
    blame: 'caller',
    message: 'row {row} of the manifest has no {value} to allow',
    remedy: 'Choose the other with --value, or give the values as text with allow-list add.',
  },
} as const
const allowListFault: Raise<typeof ALLOW_LIST_FAULTS> = faults(ALLOW_LIST_FAULTS)

/** `birthmark allow-list`: which devices may come online by claim. */
export function allowListCommand(): Command {
  const command = new Command('allow-list').description(
    'Say which devices may come online by claim, without a function.',
  )
  command.addCommand(createCommand())
  command.addCommand(importCommand())
  command.addCommand(addCommand())
  command.addCommand(listCommand())
  command.addCommand(deleteCommand())
  return command
}

interface CreateFlags extends ControlFlags {
  readonly template: string
  readonly parameter: string
  readonly reusable?: boolean
}

function createCommand(): Command {
  return usesControl(new Command('create'))
    .description('Make an empty list: from then on only its values pass for that parameter of the template.')
    .argument('<name>', 'name of the list')
    .requiredOption('--template <name>', 'provisioning template of type FLEET_PROVISIONING')
    .option('--parameter <name>', 'the parameter that is looked up', 'SerialNumber')
    .option('--reusable', 'a value may provision more than one certificate')
    .addHelpText('after', '\nExample:\n  birthmark allow-list create batch-7 --template meters')
    .action(async (name: string, flags: CreateFlags) => {
      const output = processOutput({ json: flags.json === true })
      const { template, parameter, reusable = false } = flags
      const body = { name, templateName: template, parameter, reusable }
      await callOwnApi(accessOf(flags), 'POST', '/v1/allow-lists', body)
      output.json(body)
      output.say(`Template ${template} now takes only values of allow-list ${name} as ${parameter}.`)
    })
}

type ImportFlags = ControlFlags & ManifestFlags & { readonly value: 'uid' | 'common-name' }

function importCommand(): Command {
  return usesControl(maySkipRows(readsManifest(new Command('import').argument('<name>', 'name of the list'))))
    .description('Allow the devices of a manifest, after every check that its format allows.')
    .addOption(
      new Option('--value <what>', 'what of a device the parameter is compared with')
        .choices(['uid', 'common-name'])
        .default('uid'),
    )
    .addHelpText(
      'after',
      '\nExample:\n  birthmark allow-list import batch-7 batch.json --format birthmark --signer line.pem',
    )
    .action(importManifest)
}

async function importManifest(name: string, path: string, flags: ImportFlags): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const access = accessOf(flags)
  const policy = {
    skipBadRows: flags.skipBadRows === true,
    onRow: (row: Parameters<typeof tellRow>[0]) => {
      if (!row.ok) tellRow(row, output)
    },
  }
  await withDevices(rowsOf(path, flags), policy, async (devices) => {
    const batch = new Batch(access, name)
    for await (const device of devices) {
      const { uid, certificate, row } = device
      const named = certificate && parseCertificate(certificate).subject.find(({ type }) => type === 'CN')?.value
      const value = flags.value === 'uid' ? uid : named
      if (value === undefined) throw allowListFault('ALLOW_LIST_VALUE_MISSING', { row, value: flags.value })
      await batch.add(value)
    }
    await batch.send()
    tellSummary(devices.summary, output)
    tellAllowed(name, batch.sent, output)
  })
}

function addCommand(): Command {
  return usesControl(new Command('add'))
    .description('Allow values, one a line of a text file; one that was used may be used again.')
    .argument('<name>', 'name of the list')
    .argument('<file>', 'the values, - for standard input')
    .addHelpText('after', '\nExample:\n  birthmark allow-list add batch-7 serials.txt')
    .action(async (name: string, path: string, flags: ControlFlags) => {
      const output = processOutput({ json: flags.json === true })
      const batch = new Batch(accessOf(flags), name)
      for (const line of readInput(path).split('\n')) if (line.trim() !== '') await batch.add(line.trim())
      await batch.send()
      tellAllowed(name, batch.sent, output)
    })
}

function listCommand(): Command {
  return usesControl(new Command('list'))
    .description('List the allow-lists, with what was used of them.')
    .addHelpText('after', '\nExample:\n  birthmark allow-list list')
    .action(async (flags: ControlFlags) => {
      const output = processOutput({ json: flags.json === true })
      const lists = listOf(await callOwnApi(accessOf(flags), 'GET', '/v1/allow-lists'), 'allowLists')
      for (const list of lists) {
        output.json(list)
        const { name, templateName, parameter, used, values } = list
        output.say(
          `${String(name)}: ${String(parameter)} of ${String(templateName)}, ${String(used)} of ${String(values)} used`,
        )
      }
      if (lists.length === 0) output.say('There is no allow-list.')
    })
}

function deleteCommand(): Command {
  return usesControl(new Command('delete'))
    .description('Delete a list with its values: the parameter is checked no more.')
    .argument('<name>', 'name of the list')
    .addHelpText('after', '\nExample:\n  birthmark allow-list delete batch-7')
    .action(async (name: string, flags: ControlFlags) => {
      const output = processOutput({ json: flags.json === true })
      await callOwnApi(accessOf(flags), 'DELETE', `/v1/allow-lists/${encodeURIComponent(name)}`)
      output.json({ deleted: name })
      output.say(`Allow-list ${name} is deleted.`)
    })
}

/** Values on their way to a list, as many in a request as it may have. */
class Batch {
  readonly #access: CloudAccess
  readonly #path: string
  #values: string[] = []
  sent = 0

  constructor(access: CloudAccess, name: string) {
    this.#access = access
    this.#path = `/v1/allow-lists/${encodeURIComponent(name)}`
  }

  async add(value: string): Promise<void> {
    this.#values.push(value)
    if (this.#values.length === VALUES_PER_REQUEST) await this.send()
  }

  async send(): Promise<void> {
    if (this.#values.length > 0) await callOwnApi(this.#access, 'POST', this.#path, { values: this.#values })
    this.sent += this.#values.length
    this.#values = []
  }
}

function tellAllowed(name: string, values: number, output: Output): void {
  output.json({ event: 'allowed', name, values })
  output.say(`${values} values are allowed by ${name}.`)
}

/** What the API takes in one request. */
const VALUES_PER_REQUEST = 1000
