import { faults, type Raise } from '@birthmark/foundation/kernel'

export const TOKEN_COMMAND_FAULTS = {
  TOKEN_CHIP_NOT_NAMED: {
    blame: 'caller',
    message: 'nothing is named that could be served as a token',
    remedy: 'Name --chip for a chip (its file, socket, /dev/i2c-N, or a folder of files), or --software FILE.',
  },
  TOKEN_PLACE_UNCLEAR: {
    blame: 'caller',
    message: 'it is not clear where to serve',
    remedy: 'Name --socket PATH, or --stdio without --json for the program that starts this command.',
  },
  TOKEN_TRAY_EMPTY: {
    blame: 'caller',
    message: 'there is no chip in {path}',
    remedy: 'Make some: birthmark chip new --tray FOLDER --count N.',
  },
  TOKEN_STATE_NOT_NAMED: {
    blame: 'caller',
    message: 'a PIN is demanded of {chip}, and no place is named to count wrong ones',
    remedy: 'Name a folder for it: --state FOLDER.',
  },
  TOKEN_PIN_UNUSABLE: {
    blame: 'operator',
    message: 'the PIN file {path} is absent or does not hold one line of 4 to 64 characters',
    remedy: 'Write the PIN alone into the file, readable for you only.',
  },
  TOKEN_LABEL_UNUSABLE: {
    blame: 'caller',
    message: 'a label has 1 to 32 characters',
    remedy: 'Name a shorter one; the token shows it to every program.',
  },
} as const
export const tokenCommandFault: Raise<typeof TOKEN_COMMAND_FAULTS> = faults(TOKEN_COMMAND_FAULTS)
