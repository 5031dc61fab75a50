import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { scratchFolder } from './scratch-folder.ts'

/** SoftHSM with tokens of a test's own. */
export interface HsmTokens {
  /** The module. */
  readonly path: string
  /** What a program sets so that the module finds the tokens. */
  readonly environment: Readonly<Record<string, string>>
  /** The file with the PIN of every token. */
  readonly pinFile: string
  readonly addToken: (label: string) => void
  /** Runs pkcs11-tool as the user of a token and gives what it printed. */
  readonly tool: (label: string, ...words: readonly string[]) => string
}

/** The user's PIN of every token. */
export const HSM_PIN = '4711'

/** Gives a SoftHSM in a scratch folder, with these tokens. */
export async function newHsmTokens(context: TestContext, ...labels: readonly string[]): Promise<HsmTokens> {
  const folder = await scratchFolder(context)
  const tokens = join(folder, 'tokens')
  const configuration = join(folder, 'softhsm2.conf')
  const pinFile = join(folder, 'pin')
  mkdirSync(tokens)
  writeFileSync(configuration, `directories.tokendir = ${tokens}\n`)
  writeFileSync(pinFile, `${HSM_PIN}\n`)
  const environment = { SOFTHSM2_CONF: configuration }
  const run = (program: string, words: readonly string[]): string =>
    execFileSync(program, words, {
      env: { ...process.env, ...environment },
      stdio: 'pipe',
      timeout: HANG_MS,
    }).toString()
  const hsm: HsmTokens = {
    path: SOFT_HSM,
    environment,
    pinFile,
    addToken(label) {
      const pins = ['--pin', HSM_PIN, '--so-pin', '12345678']
      run('softhsm2-util', ['--init-token', '--free', '--label', label, ...pins])
    },
    tool: (label, ...words) =>
      run('pkcs11-tool', ['--module', SOFT_HSM, '--token-label', label, '--login', '--pin', HSM_PIN, ...words]),
  }
  for (const label of labels) hsm.addToken(label)
  return hsm
}

const SOFT_HSM = '/usr/lib/softhsm/libsofthsm2.so'
const HANG_MS = 30_000
