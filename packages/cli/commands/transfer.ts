import { resolve } from 'node:path'
import type { IoTClient } from '@aws-sdk/client-iot'
import { faults, messageOf, type Raise } from '@birthmark/foundation/kernel'
import { fileFault, readTextFile, replaceFileInParts } from '@birthmark/foundation/system'
import { Command } from 'commander'
import { type AccountRecord, makeRecord, RECORD_KINDS, readAccount } from '../account/index.ts'
import { type CloudFlags, onCloud, withClient } from '../cloud-options.ts'
import { processOutput } from '../output.ts'

export const TRANSFER_FAULTS = {
  EXPORT_DAMAGED: {
    blame: 'caller',
    message: '{path} is no export of an account: line {line} cannot be read',
    remedy: "Use a file that 'birthmark export' wrote. Nothing was imported.",
  },
  IMPORT_INCOMPLETE: {
    blame: 'caller',
    message: '{refused} of {records} records were refused',
    remedy: 'Mend what the lines above name and run the command again: what is there already is left alone.',
  },
} as const
const transferFault: Raise<typeof TRANSFER_FAULTS> = faults(TRANSFER_FAULTS)

/** `birthmark export`: an account as JSON lines. */
export function exportCommand(): Command {
  return onCloud(new Command('export'))
    .description('Write all that an account holds as JSON lines, without any secret.')
    .requiredOption('--to <file>', 'the file to write')
    .addHelpText('after', '\nExample:\n  birthmark export --to account.jsonl')
    .action(async (flags: CloudFlags & { readonly to: string }) => {
      const output = processOutput({ json: flags.json === true })
      const path = resolve(flags.to)
      let count = 0
      async function* lines(client: IoTClient): AsyncGenerator<string> {
        for await (const record of readAccount(client)) {
          count += 1
          yield `${JSON.stringify(record)}\n`
        }
      }
      await withClient(flags, 'the export', (client) => replaceFileInParts(path, lines(client)))
      output.json({ file: path, records: count })
      output.say(`${count} records are in ${path}.`)
    })
}

/** `birthmark import`: what an export has and the account lacks. */
export function importCommand(): Command {
  return onCloud(new Command('import'))
    .description('Make what an export has and the account lacks; what is there is left alone.')
    .argument('<file>', "what 'birthmark export' wrote")
    .addHelpText('after', '\nExample:\n  birthmark import account.jsonl')
    .action(async (file: string, flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const wanted = readExport(file)
      const differences = await withClient(flags, 'the comparison', (client) => compare(client, wanted))
      const missing = differences.filter(({ how }) => how === 'missing')
      const refusedCas = new Set<string>()
      let refused = 0
      await withClient(flags, 'the import', async (client) => {
        for (const { record } of missing) {
          const why = waitsForCa(record, refusedCas) ?? (await makeRecord(client, record).then(noFault, messageOf))
          if (why !== undefined) refused += 1
          if (why !== undefined && record.kind === 'ca') refusedCas.add(record.name)
          output.json({ kind: record.kind, name: record.name, ...(why === undefined ? { made: true } : { why }) })
          output.say(
            `${why === undefined ? '+' : '!'} ${record.kind} ${record.name}${why === undefined ? '' : `: ${why}`}`,
          )
        }
      })
      for (const { how, record } of differences) {
        if (how === 'different') output.say(`~ ${record.kind} ${record.name}: left as it is, and different`)
      }
      output.say(
        `${missing.length - refused} made, ${wanted.length - missing.length} there already, ${refused} refused.`,
      )
      if (refused > 0) throw transferFault('IMPORT_INCOMPLETE', { refused, records: wanted.length })
    })
}

/** A certificate whose CA comes later would be registered as one of none, and stay so. */
function waitsForCa({ kind, content }: AccountRecord, refusedCas: ReadonlySet<string>): string | undefined {
  const ca = content['ca']
  if (kind !== 'certificate' || typeof ca !== 'string' || !refusedCas.has(ca)) return undefined
  return `its CA ${ca} must be registered first`
}

function noFault(): undefined {
  return undefined
}

/** `birthmark diff`: in what an account differs from an export. */
export function diffCommand(): Command {
  return onCloud(new Command('diff'))
    .description('Tell in what the account differs from an export: + only there, - missing here, ~ different.')
    .argument('<file>', "what 'birthmark export' wrote")
    .addHelpText('after', '\nExample:\n  birthmark diff account.jsonl')
    .action(async (file: string, flags: CloudFlags) => {
      const output = processOutput({ json: flags.json === true })
      const wanted = readExport(file)
      const differences = await withClient(flags, 'the comparison', (client) => compare(client, wanted))
      for (const { how, record, members } of differences) {
        output.json({ how, kind: record.kind, name: record.name, ...(members.length > 0 && { members }) })
        output.say(`${SIGNS[how]} ${record.kind} ${record.name}${members.length > 0 ? `: ${members.join(', ')}` : ''}`)
      }
      if (differences.length === 0) output.say('No difference.')
    })
}

interface Difference {
  /** `missing` in the account, `more` than the export has, or `different`. */
  readonly how: 'missing' | 'more' | 'different'
  readonly record: AccountRecord
  /** Of what is different: the members that are. */
  readonly members: readonly string[]
}

async function compare(client: IoTClient, wanted: readonly AccountRecord[]): Promise<readonly Difference[]> {
  const found = new Map<string, AccountRecord>()
  for await (const record of readAccount(client)) found.set(keyOf(record), record)
  const differences = wanted.flatMap((record): Difference[] => {
    const here = found.get(keyOf(record))
    found.delete(keyOf(record))
    if (here === undefined) return [{ how: 'missing', record, members: [] }]
    const members = differing(record.content, here.content)
    return members.length === 0 ? [] : [{ how: 'different', record, members }]
  })
  const more = Array.from(found.values(), (record): Difference => ({ how: 'more', record, members: [] }))
  return [...differences, ...more]
}

/** Names the members that are not the same on both sides. */
function differing(left: AccountRecord['content'], right: AccountRecord['content']): readonly string[] {
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])]
  return names.filter((name) => JSON.stringify(left[name]) !== JSON.stringify(right[name]))
}

function keyOf({ kind, name }: AccountRecord): string {
  return `${kind}/${name}`
}

function readExport(file: string): readonly AccountRecord[] {
  const path = resolve(file)
  const text = readTextFile(path)
  if (text === undefined) throw fileFault('FILE_UNUSABLE', { path, why: 'there is no such file' })
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line, index) => parseRecord(line) ?? damaged(path, index + 1))
}

function damaged(path: string, line: number): never {
  throw transferFault('EXPORT_DAMAGED', { path, line })
}

function parseRecord(line: string): AccountRecord | undefined {
  try {
    const { kind, name, content }: Readonly<Record<string, unknown>> = { ...Object(JSON.parse(line)) }
    const known = RECORD_KINDS.find((word) => word === kind)
    if (known === undefined || typeof name !== 'string' || typeof content !== 'object' || content === null) {
      return undefined
    }
    return { kind: known, name, content: { ...content } }
  } catch {
    return undefined
  }
}

const SIGNS = { missing: '-', more: '+', different: '~' } as const
