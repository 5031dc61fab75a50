import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import type { Certificate, Signer } from '@birthmark/foundation/x509'
import { startBirthmark } from './run-birthmark.ts'
import { scratchFolder } from './scratch-folder.ts'

const run = promisify(execFile)

/** A virtual chip with a key, which `birthmark token serve` serves to programs that we did not write. */
export interface ServedToken {
  /** For files of the test. */
  readonly folder: string
  /** The stock client of p11-kit: the module that programs load. */
  readonly module: string
  /** What programs set to find the token; the PKCS#11 engine of OpenSSL among them. */
  readonly environment: Readonly<Record<string, string>>
  /** `pkcs11:token=...;object=0xE0F1`: the key, to which `;type=private` may be added. */
  readonly keyUri: string
  readonly label: string
  /** The key, through the driver: our client on p11-kit on our server. */
  readonly signer: Signer
  /** Writes a chain of two into a file, and into the chip: beside the key, and as an anchor. Gives the file. */
  install(chain: readonly Certificate[]): Promise<string>
  /** Runs a program that finds the token; gives what it printed. */
  use(program: string, ...words: readonly string[]): Promise<string>
}

/** Label of the chip's first key, and its CKA_ID. */
export const TOKEN_KEY = { label: '0xE0F1', id: '01' } as const

/** Serves a fresh chip whose first key was made by pkcs11-tool, until the test ends. @param more Further options. */
export async function newServedToken(context: TestContext, ...more: readonly string[]): Promise<ServedToken> {
  const folder = await scratchFolder(context)
  const socket = join(folder, 'p11')
  const served = startBirthmark([
    'token',
    'serve',
    '--chip',
    join(folder, 'chip'),
    '--socket',
    socket,
    '--json',
    ...more,
  ])
  context.after(async () => {
    served.child.kill('SIGTERM')
    await served.ended
  })
  const [ready] = await served.said(/^\{"ready":true.*\}$/m)
  const { label } = JSON.parse(ready)
  const module = installed('pkcs11/p11-kit-client.so', 'p11-kit-modules')
  const engines = installed('engines-3/pkcs11.so', 'libengine-pkcs11-openssl').replace(/\/pkcs11\.so$/, '')
  const environment = {
    P11_KIT_SERVER_ADDRESS: `unix:path=${socket}`,
    PKCS11_MODULE_PATH: module,
    OPENSSL_ENGINES: engines,
  }
  const use = async (program: string, ...words: readonly string[]): Promise<string> => {
    const options = { cwd: folder, env: { ...process.env, ...environment }, timeout: HANG_MS }
    const { stdout, stderr } = await run(program, words, options)
    return stdout + stderr
  }
  const tool = (...words: readonly string[]): Promise<string> => use('pkcs11-tool', '--module', module, ...words)
  await tool('--keypairgen', '--key-type', 'EC:prime256v1', '--id', TOKEN_KEY.id)
  const driver = await CryptokiModule.open(module, { label, environment })
  const signer = await driver.signer(TOKEN_KEY.label)
  context.after(() => driver.close())
  const install = async (chain: readonly Certificate[]): Promise<string> => {
    const places = [
      ['--id', TOKEN_KEY.id],
      ['--label', '0xE0E8'],
    ]
    for (const [n, { der }] of chain.entries()) {
      const file = join(folder, `${n}.der`)
      writeFileSync(file, der)
      await tool('--write-object', file, '--type', 'cert', ...(places[n] ?? []))
    }
    writeFileSync(join(folder, 'chain.pem'), chain.map((each) => each.toPem()).join(''))
    return join(folder, 'chain.pem')
  }
  const keyUri = `pkcs11:token=${label};object=${TOKEN_KEY.label}`
  return { folder, module, environment, keyUri, label, signer, install, use }
}

/** Finds a shared library where Debian has those of its multi-architecture packages. */
function installed(library: string, debianPackage: string): string {
  const [path] = globSync(`/usr/lib/*/${library}`)
  assert.ok(path, `${library} is missing: install the Debian package ${debianPackage}`)
  return path
}

const HANG_MS = 30_000
