import type { IoTClient } from '@aws-sdk/client-iot'
import { Command } from 'commander'
import { type CloudFlags, onCloud, withClient } from '../cloud-options.ts'
import { processOutput } from '../output.ts'
import { tableLines } from '../table.ts'

/** One row or document that a family's commands show. */
export type Shown = Readonly<Record<string, unknown>>

/** What can be done with the things, certificates, … of an account: each call is one of AWS IoT's operations. */
export interface Family {
  readonly name: string
  /** For example `thing`, in sentences. */
  readonly one: string
  /** What a name looks like, for help. */
  readonly id: string
  readonly columns: Readonly<Record<string, string>>
  list(client: IoTClient): AsyncIterable<Shown>
  show(client: IoTClient, id: string): Promise<Shown>
  /** Acts on one by its name; the key is the command's name. */
  readonly acts: Readonly<Record<string, Act>>
}

/** A change of one thing, certificate, … . */
export interface Act {
  readonly description: string
  /** What it says when it is done. */
  readonly done: string
  /** A file that it needs. */
  readonly file?: string
  perform(client: IoTClient, id: string, file: string): Promise<unknown>
}

interface ListFlags extends CloudFlags {
  readonly limit?: string
}

/** Gives the command of a family: list, show, and its acts. */
export function familyCommand(family: Family): Command {
  const command = new Command(family.name).description(`List, show and change the account's ${family.name}.`)
  command.addCommand(listCommand(family)).addCommand(showCommand(family))
  for (const [name, act] of Object.entries(family.acts)) command.addCommand(actCommand(family, name, act))
  return command
}

function listCommand(family: Family): Command {
  return onCloud(new Command('list'))
    .description(`List the ${family.name}.`)
    .option('--limit <n>', 'at most so many')
    .addHelpText('after', `\nExamples:\n  birthmark ${family.name} list\n  birthmark ${family.name} list --json`)
    .action(async (flags: ListFlags) => {
      const output = processOutput({ json: flags.json === true })
      const rows: Shown[] = []
      const limit = Number(flags.limit ?? Number.POSITIVE_INFINITY)
      await withClient(flags, `listing the ${family.name}`, async (client) => {
        let count = 0
        for await (const row of family.list(client)) {
          if (count++ >= limit) break
          if (output.jsonWanted) output.json(row)
          else rows.push(row)
        }
      })
      if (output.jsonWanted) return
      for (const line of tableLines(family.columns, rows)) output.say(line)
      if (rows.length === 0) output.say('None.')
    })
}

function showCommand(family: Family): Command {
  return onCloud(new Command('show'))
    .description(`Show one ${family.one}.`)
    .argument(`<${family.id}>`)
    .addHelpText('after', `\nExample:\n  birthmark ${family.name} show ${EXAMPLE_NAMES.get(family.name) ?? 'name'}`)
    .action(async (id: string, flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const shown = await withClient(flags, `showing ${id}`, (client) => family.show(client, id))
      output.json(shown)
      if (output.jsonWanted) return
      const rows = Object.entries(shown).map(([name, value]) => ({ name, value }))
      for (const line of tableLines({ name: 'What', value: 'Value' }, rows)) output.say(line)
    })
}

function actCommand(family: Family, name: string, act: Act): Command {
  const command = onCloud(new Command(name)).description(act.description).argument(`<${family.id}>`)
  if (act.file !== undefined) command.requiredOption('--document <file>', act.file)
  const example = EXAMPLE_NAMES.get(family.name) ?? 'name'
  const file = act.file === undefined ? '' : ' --document document.json'
  return command
    .addHelpText('after', `\nExample:\n  birthmark ${family.name} ${name} ${example}${file}`)
    .action(async (id: string, flags: CloudFlags & { readonly document?: string }) => {
      const output = processOutput({ json: flags.json === true })
      await withClient(flags, `${name} of ${id}`, (client) => act.perform(client, id, flags.document ?? ''))
      output.json({ [family.one]: id, [name]: true })
      output.say(`${id}: ${act.done}.`)
    })
}

const EXAMPLE_NAMES: ReadonlyMap<string, string> = new Map([
  ['things', 'press-7'],
  ['certs', '5f3c…'],
  ['cas', '9ab0…'],
  ['policies', 'DevicePolicy'],
  ['templates', 'Meters'],
])
