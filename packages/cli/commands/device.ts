import { Command } from 'commander'
import { resetCommand, rotateCommand, runCommand, statusCommand } from './device/commands.ts'

/** `birthmark device`: what runs on a device, and what one looks at when it does not. */
export function deviceCommand(): Command {
  const group = new Command('device').description('A device: come online, replace its certificate, look at its state.')
  for (const command of [runCommand(), statusCommand(), rotateCommand(), resetCommand()]) group.addCommand(command)
  return group.addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  birthmark device run --config device.yaml         until it is stopped
  birthmark device status --config device.yaml      what it holds, and what it will do next
  birthmark device rotate --config device.yaml      a new key and certificate, then close the old one`
