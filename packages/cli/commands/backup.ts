import { resolve } from 'node:path'
import { type BackupSummary, backUp, restore } from '@birthmark/cloud/server'
import { systemClock } from '@birthmark/foundation/system'
import { Command } from 'commander'
import { processOutput } from '../output.ts'

interface BackupFlags {
  readonly data: string
  readonly to: string
  readonly json?: boolean
}

/** `birthmark backup`: a data directory in one file. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('Copy a data directory into one file, also while its server runs.')
    .requiredOption('--data <folder>', "the server's data directory")
    .requiredOption('--to <file>', 'the backup; it must not exist. It holds every secret of the server')
    .addHelpText('after', '\nExample:\n  birthmark backup --data ./cloud --to cloud-2026-11-21.backup')
    .action(async (flags: BackupFlags) => {
      const output = processOutput({ json: flags.json === true })
      const file = resolve(flags.to)
      const summary = await backUp(resolve(flags.data), file, systemClock.now())
      output.json({ backup: file, ...summary })
      output.say(`${file} holds ${described(summary)}. It was read back and is whole.`)
    })
}

interface RestoreFlags {
  readonly from: string
  readonly data: string
  readonly json?: boolean
}

/** `birthmark restore`: a data directory from a backup. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('Make a data directory from a backup.')
    .requiredOption('--from <file>', 'the backup')
    .requiredOption('--data <folder>', 'the new data directory; nothing is overwritten')
    .addHelpText('after', '\nExample:\n  birthmark restore --from cloud-2026-11-21.backup --data ./cloud-2')
    .action(async (flags: RestoreFlags) => {
      const output = processOutput({ json: flags.json === true })
      const folder = resolve(flags.data)
      const summary = await restore(resolve(flags.from), folder)
      output.json({ data: folder, ...summary })
      output.say(`${folder} is as it was on ${new Date(summary.madeAt).toISOString()}: ${described(summary)}.`)
    })
}

function described({ things, certificates, files }: BackupSummary): string {
  return `${things} things, ${certificates} certificates and ${files.length} files`
}
