import { resolve } from 'node:path'
import { openTrustXToken, pinCheck, serveTokens } from '@birthmark/chip/cryptoki/adapters'
import { connectBus } from '@birthmark/chip/i2c/adapters'
import { openVirtualChip, TrustX, type VirtualChip } from '@birthmark/chip/trust-x/adapters'
import { faults, type Raise } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import { Command } from 'commander'
import { processOutput } from '../output.ts'
import { listenForStop } from '../signals.ts'

export const TOKEN_COMMAND_FAULTS = {
  TOKEN_CHIP_NOT_NAMED: {
    blame: 'caller',
    message: 'no chip is named for the token, or two',
    remedy: 'Name one: --chip FILE for a chip in a file, --chip-socket PATH for one that is served.',
  },
  TOKEN_PIN_UNUSABLE: {
    blame: 'operator',
    message: 'the PIN file is absent or does not hold one line of 4 to 64 characters',
    remedy: 'Write the PIN alone into the file, readable for you only.',
  },
} as const
const tokenCommandFault: Raise<typeof TOKEN_COMMAND_FAULTS> = faults(TOKEN_COMMAND_FAULTS)

/** `birthmark token`: chips as PKCS#11 tokens. */
export function tokenCommand(): Command {
  return new Command('token').description('Chips as PKCS#11 tokens for any program.').addCommand(tokenServe())
}

function tokenServe(): Command {
  return new Command('serve')
    .description('Serve a chip as a token to programs that load p11-kit-client.so.')
    .option('--chip <file>', 'a virtual chip in a file; made when absent')
    .option('--chip-socket <path>', 'a chip that is served on a socket')
    .requiredOption('--socket <path>', 'where to listen, for this user only')
    .option('--label <text>', "the token's label, up to 32 characters; default has the chip's number")
    .option('--pin-file <file>', 'a file with the PIN to demand; without one, no login is needed')
    .addHelpText('after', EXAMPLES)
    .action(serveToken)
}

async function serveToken(flags: TokenFlags): Promise<void> {
  const stop = listenForStop({ inputEnds: false })
  const output = processOutput({ json: flags.json === true })
  const pin = flags.pinFile === undefined ? undefined : readPin(flags.pinFile)
  const { element, chip } = await openChip(flags)
  try {
    const token = await openTrustXToken(element, {
      ...(flags.label === undefined ? {} : { label: flags.label }),
      ...(pin === undefined ? {} : { isPin: pinCheck(pin) }),
    })
    const server = await serveTokens(flags.socket, [token], (fault) => output.say(`${fault.code}: ${fault.message}`))
    output.json({ ready: true, socket: flags.socket, label: token.label, serial: token.source.serial })
    if (!output.jsonWanted) {
      output.say(`Token ${token.label} is served. Stop it with Ctrl-C. Programs find it with`)
      output.say(`  P11_KIT_SERVER_ADDRESS=unix:path=${resolve(flags.socket)}`)
    }
    await stop.told
    await server.close()
  } finally {
    await element.close()
    await chip?.close()
  }
}

interface TokenFlags {
  readonly chip?: string
  readonly chipSocket?: string
  readonly socket: string
  readonly label?: string
  readonly pinFile?: string
  readonly json?: boolean
}

async function openChip({ chip: file, chipSocket }: TokenFlags): Promise<{ element: TrustX; chip?: VirtualChip }> {
  if ((file === undefined) === (chipSocket === undefined)) throw tokenCommandFault('TOKEN_CHIP_NOT_NAMED')
  if (chipSocket !== undefined) return { element: await TrustX.open(await connectBus(chipSocket)) }
  if (file === undefined) throw tokenCommandFault('TOKEN_CHIP_NOT_NAMED')
  const chip = await openVirtualChip({ file })
  return { element: await TrustX.open(chip), chip }
}

function readPin(path: string): string {
  const pin = readTextFile(path)?.replace(/\r?\n$/, '') ?? ''
  if (!/^[^\r\n]{4,64}$/.test(pin)) throw tokenCommandFault('TOKEN_PIN_UNUSABLE')
  return pin
}

const EXAMPLES = `
Example:
  birthmark token serve --chip ./meter.chip --socket ./meter.p11
  P11_KIT_SERVER_ADDRESS=unix:path=$PWD/meter.p11 pkcs11-tool --module p11-kit-client.so -L`
