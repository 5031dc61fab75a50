import { Command } from 'commander'
import { lockCommand, randomCommand, readCommand, writeCommand } from './chip/data.ts'
import { infoCommand } from './chip/info.ts'
import { csrCommand, keygenCommand, signCommand, verifyCommand } from './chip/keys.ts'
import { newCommand } from './chip/new.ts'
import { dumpCommand, objectsCommand } from './chip/objects.ts'
import { serveCommand } from './chip/serve.ts'

/** `birthmark chip`: virtual chips, and chips on a bus. */
export function chipCommand(): Command {
  const group = new Command('chip').description('OPTIGA Trust X: make and serve virtual ones, work with any.')
  const commands = [newCommand(), serveCommand(), infoCommand(), objectsCommand(), dumpCommand(), readCommand()]
  commands.push(writeCommand(), randomCommand(), keygenCommand(), csrCommand(), signCommand(), verifyCommand())
  for (const command of [...commands, lockCommand()]) group.addCommand(command)
  return group.addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  birthmark chip new --chip ./meter.chip
  birthmark chip dump --chip ./meter.chip
  birthmark chip keygen 0xE0F1 --chip ./meter.chip --out ./meter-key.pem`
