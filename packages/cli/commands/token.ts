import { Command } from 'commander'
import { newCommand } from './token/new.ts'
import { serveCommand } from './token/serve.ts'

/** `birthmark token`: chips, and files without one, as PKCS#11 tokens. */
export function tokenCommand(): Command {
  return new Command('token')
    .description('Chips, and encrypted files, as PKCS#11 tokens for any program.')
    .addCommand(serveCommand())
    .addCommand(newCommand())
}
