import { isFault } from '@birthmark/foundation/kernel'
import { Command, CommanderError } from 'commander'
import { accessCommand } from './commands/access.ts'
import { accountsCommand } from './commands/accounts.ts'
import { alarmsCommand } from './commands/alarms.ts'
import { allowListCommand } from './commands/allow-list.ts'
import { awsCommand } from './commands/aws.ts'
import { backupCommand, restoreCommand } from './commands/backup.ts'
import { caCommand } from './commands/ca.ts'
import { chipCommand } from './commands/chip.ts'
import { completionCommand } from './commands/completion.ts'
import { demoCommand } from './commands/demo.ts'
import { deviceCommand } from './commands/device.ts'
import { explainCommand } from './commands/explain.ts'
import { FAMILIES } from './commands/families.ts'
import { functionsCommand } from './commands/functions.ts'
import { familyCommand } from './commands/inventory.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { lineCommand } from './commands/line.ts'
import { manifestCommand } from './commands/manifest.ts'
import { orderCommand } from './commands/order.ts'
import { planCommand } from './commands/plan.ts'
import { policyCommand } from './commands/policy.ts'
import { serverCommand } from './commands/server.ts'
import { tokenCommand } from './commands/token.ts'
import { tpmCommand } from './commands/tpm.ts'
import { diffCommand, exportCommand, importCommand } from './commands/transfer.ts'
import { failureDocument, failureText } from './output.ts'
import manifest from './package.json' with { type: 'json' }

/**
 * Runs the `birthmark` command. Sets the exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
 *
 * @param argv As in `process.argv`.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const program = birthmark()
  watchProcess(argv)
  try {
    await program.parseAsync(argv)
  } catch (error) {
    process.exitCode = fail(error, argv)
    // An interrupted command has left its work where it was: what that still waits for must not hold the process.
    if (process.exitCode === INTERRUPTED_STATUS) process.exit()
  }
}

/** Says why the command failed, and gives the exit status for it. */
function fail(error: unknown, argv: readonly string[]): number {
  const isUsage = error instanceof CommanderError
  if (isUsage && error.exitCode === 0) return 0
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify(failureDocument(error))}\n`)
  if (isUsage) return USAGE_STATUS
  process.stderr.write(`${failureText(error, argv.includes('--trace'))}\n`)
  return isFault(error, 'INTERRUPTED') ? INTERRUPTED_STATUS : 1
}

/** What nobody caught ends the command as any other failure does; a reader that has gone is no failure. */
function watchProcess(argv: readonly string[]): void {
  process.on('uncaughtException', (error) => process.exit(fail(error, argv)))
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
}

function birthmark(): Command {
  const program = new Command('birthmark')
    .description('Device identity, from a key made in a secure element to policy-bound MQTT.')
    .version(manifest.version)
    .enablePositionalOptions()
    .addHelpText('after', EXAMPLES)
  const commands = [
    demoCommand(),
    serverCommand(),
    explainCommand(),
    alarmsCommand(),
    policyCommand(),
    accessCommand(),
    accountsCommand(),
    ...FAMILIES.map(familyCommand),
    awsCommand(),
    backupCommand(),
    restoreCommand(),
    exportCommand(),
    importCommand(),
    diffCommand(),
    completionCommand(program),
    chipCommand(),
    tokenCommand(),
    tpmCommand(),
    caCommand(),
    orderCommand(),
    lineCommand(),
    ledgerCommand(),
    manifestCommand(),
    deviceCommand(),
    allowListCommand(),
    planCommand(),
    functionsCommand(),
  ]
  for (const command of commands) program.addCommand(command)
  return everywhere(program)
}

/** What shells give for a command that was called wrongly. */
const USAGE_STATUS = 2
/** What shells give a program that Ctrl-C ended: 128 and the number of SIGINT. */
const INTERRUPTED_STATUS = 130

/** Options that every command has, and errors as exceptions so that one place sets the exit status. */
function everywhere(command: Command): Command {
  command.exitOverride().showHelpAfterError('(add --help for the options and examples)')
  for (const child of command.commands) everywhere(child)
  if (command.commands.length > 0) return command
  return command
    .option('--json', 'one JSON document or JSON lines on standard output, nothing else there')
    .option('--trace', 'print the stack of a failure')
}

const EXAMPLES = `
Examples:
  birthmark demo                         blank chips to policy-bound MQTT, then stop
  birthmark demo --devices 200 --keep    leave the cloud running to try your own clients
  birthmark server --data ./cloud        the cloud for real use
  birthmark explain --outcome refused    why connections were refused`
