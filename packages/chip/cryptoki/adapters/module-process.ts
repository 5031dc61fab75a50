import { spawn } from 'node:child_process'
import { cryptokiFault } from '@birthmark/chip/cryptoki'
import { encodeUtf8, type Millis, messageOf, seconds } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { CryptokiConnection } from './connection.ts'
import type { ModuleOptions } from './module-options.ts'

/**
 * Runs a module in a process of its own and initialises it. Whatever ends the connection kills the process.
 *
 * @throws `CRYPTOKI_MODULE_LOST` (no such module, or p11-kit is not installed), `CRYPTOKI_MODULE_SILENT`,
 *   `CRYPTOKI_REFUSED` by C_Initialize
 */
export async function startModule(path: string, options: ModuleOptions): Promise<CryptokiConnection> {
  const connection = startProcess(options.command ?? ['p11-kit', 'remote', path], options)
  try {
    await connection.call('Initialize', [HANDSHAKE, 0, Uint8Array.of(0)])
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/**
 * Ends a module in order: a TPM without a resource manager keeps what a process leaves behind that did not finalise.
 * One that does not answer is ended after its patience.
 */
export async function endModule(connection: CryptokiConnection): Promise<void> {
  // Whatever it answers, it is ended.
  await connection.call('Finalize', []).catch(() => undefined)
  connection.close()
}

/** Makes the fault of a module whose answer has no sense, and ends it: nothing that follows could be believed. */
export function distrust(connection: CryptokiConnection, what: string): Error {
  connection.close(`it gave a ${what} of the wrong form`)
  return cryptokiFault('CRYPTOKI_MESSAGE_INVALID', { why: `a ${what} has the wrong form` })
}

function startProcess(command: readonly [string, ...string[]], options: ModuleOptions): CryptokiConnection {
  const { patience = PATIENCE, timers = systemTimers, environment } = options
  const [program, ...words] = withEnvironment(command, environment)
  const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'ignore'] })
  const end = (): void => void child.kill('SIGKILL')
  const connection = new CryptokiConnection({ input: child.stdout, output: child.stdin, timers, patience, end })
  child.on('error', (error) => connection.close(`${program} cannot be started (${messageOf(error)})`))
  return connection
}

/** Has `env` add variables to those that every process inherits. */
function withEnvironment(
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>> = {},
): readonly [string, ...string[]] {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
  return variables.length === 0 ? command : ['env', ...variables, ...command]
}

/** What p11-kit's C_Initialize expects first (p11-kit, rpc-message.h). */
const HANDSHAKE = encodeUtf8('PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1')

const PATIENCE: Millis = seconds(30)
