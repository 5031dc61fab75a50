import { ledgerFault, verifyLedger } from '@birthmark/factory/ledger'
import { parseManifest } from '@birthmark/factory/manifest'
import { Command } from 'commander'
import { processOutput } from '../output.ts'
import { readInput } from './ca-folder.ts'

/** `birthmark ledger`: the record of every identity made. */
export function ledgerCommand(): Command {
  return new Command('ledger').description('The record of every identity made.').addCommand(ledgerVerify())
}

function ledgerVerify(): Command {
  return new Command('verify')
    .description('Find any edit, removal or reorder in a ledger, and name the first bad entry.')
    .argument('<file>', 'the ledger')
    .option('--manifest <file>', 'a manifest of the same line: shows also whether the end of the ledger is missing')
    .addHelpText(
      'after',
      '\nExamples:\n  birthmark ledger verify ./line/ledger.jsonl\n' +
        '  birthmark ledger verify ./line/ledger.jsonl --manifest ./line/manifest.jsonl --json',
    )
    .action(verifyCommand)
}

async function verifyCommand(
  path: string,
  flags: { readonly manifest?: string; readonly json?: boolean },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const head = flags.manifest === undefined ? undefined : parseManifest(readInput(flags.manifest)).ledger
  const verdict = await verifyLedger(path, head)
  if (!verdict.ok) throw ledgerFault('LEDGER_DAMAGED', { path, line: verdict.line, why: verdict.why })
  const { entries, hash, tornBytes } = verdict
  output.json({ entries, hash, tornBytes })
  if (output.jsonWanted) return
  output.say(`${path} holds ${entries} entries, each as it was written. The last has the hash ${hash}.`)
  if (tornBytes > 0) output.say(`${tornBytes} bytes after it are a write that was cut short; nobody relied on them.`)
}
