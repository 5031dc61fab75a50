import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as pauseMs } from 'node:timers/promises'
import type { Tpm } from '@birthmark/chip/tpm'
import { openTpm } from '@birthmark/chip/tpm/adapters'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import { steadyPort } from './running.ts'
import { scratchFolder } from './scratch-folder.ts'

/** A software TPM of a test's own, made as a factory makes one, with the maker's CA. */
export interface TestTpm {
  readonly folder: string
  readonly port: number
  /** The path of tpm2-pkcs11's module. */
  readonly module: string
  /** The maker's root. */
  readonly root: Certificate
  /** The maker's CA below it, which signed the endorsement certificates. */
  readonly issuer: Certificate
  /** For programs that use the TPM. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Runs a program of tpm2-tools in the folder, after freeing what programs before it left in the TPM. */
  run(program: string, ...words: readonly string[]): string
  /** Lets `use` have the TPM. swtpm serves one program at a time. */
  use<Value>(use: (tpm: Tpm) => Promise<Value>): Promise<Value>
}

/** Makes a TPM with endorsement certificates and starts it on loopback, until the test ends. */
export async function newSwtpm(context: TestContext): Promise<TestTpm> {
  const folder = await scratchFolder(context)
  manufacture(folder)
  const port = await start(context, folder)
  const tcti = `swtpm:host=127.0.0.1,port=${port}`
  const env = {
    ...process.env,
    TPM2TOOLS_TCTI: tcti,
    TPM2_PKCS11_TCTI: tcti,
    TPM2_PKCS11_STORE: join(folder, 'store'),
    TPM2_PKCS11_LOG_LEVEL: '0',
  }
  const execute = (program: string, words: readonly string[]): string =>
    execFileSync(program, words, { cwd: folder, env, stdio: 'pipe', timeout: HANG_MS }).toString()
  const free = (): void => {
    for (const kind of ['--transient-object', '--loaded-session', '--saved-session']) {
      execute('tpm2_flushcontext', [kind])
    }
  }
  return {
    folder,
    port,
    module: tpm2Pkcs11Module(),
    root: parseCertificate(readFileSync(join(folder, 'ca', 'swtpm-localca-rootca-cert.pem'), 'utf8')),
    issuer: parseCertificate(readFileSync(join(folder, 'ca', 'issuercert.pem'), 'utf8')),
    env,
    run(program, ...words) {
      free()
      return execute(program, words)
    },
    async use(use) {
      free()
      const tpm = await openTpm(port)
      try {
        return await use(tpm)
      } finally {
        await tpm.close()
      }
    },
  }
}

/** A PKCS#11 token on a TPM with one P-256 key. */
const TOKEN = { token: 'device', key: 'device key', pin: '471100' } as const

/** Gives the path of the module of tpm2-pkcs11, which has the machine’s architecture in it. */
export function tpm2Pkcs11Module(): string {
  const [path] = globSync('/usr/lib/*/pkcs11/libtpm2_pkcs11.so')
  assert.ok(path, 'libtpm2-pkcs11-1 is installed')
  return path
}

/** Makes a token in the TPM with tpm2-pkcs11, and a key in it, as any PKCS#11 program would. */
export function makePkcs11Key(tpm: TestTpm): { readonly store: string } & typeof TOKEN {
  const store = join(tpm.folder, 'store')
  mkdirSync(store)
  const tool = (...words: readonly string[]): string => tpm.run('pkcs11-tool', '--module', tpm.module, ...words)
  tool('--init-token', '--slot-index', '0', '--label', TOKEN.token, '--so-pin', 'so-pin-1')
  const asOfficer = ['--login', '--login-type', 'so', '--so-pin', 'so-pin-1']
  tool('--slot-index', '0', '--init-pin', ...asOfficer, '--new-pin', TOKEN.pin)
  const asUser = ['--token-label', TOKEN.token, '--login', '--pin', TOKEN.pin]
  tool(...asUser, '--keypairgen', '--key-type', 'EC:prime256v1', '--label', TOKEN.key, '--id', '01', '--usage-sign')
  return { store, ...TOKEN }
}

function manufacture(folder: string): void {
  for (const name of ['state', 'ca']) mkdirSync(join(folder, name))
  const write = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
  const ca = join(folder, 'ca')
  write('localca.conf', [
    `statedir=${ca}`,
    `signingkey=${join(ca, 'signkey.pem')}`,
    `issuercert=${join(ca, 'issuercert.pem')}`,
    `certserial=${join(ca, 'certserial')}`,
  ])
  write('localca.options', ['--platform-manufacturer Acme', '--platform-version 1.0', '--platform-model Press'])
  write('setup.conf', [
    'create_certs_tool=/usr/bin/swtpm_localca',
    `create_certs_tool_config=${join(folder, 'localca.conf')}`,
    `create_certs_tool_options=${join(folder, 'localca.options')}`,
    'active_pcr_banks=sha256',
  ])
  const words = ['--tpm2', '--tpmstate', join(folder, 'state'), '--config', join(folder, 'setup.conf')]
  execFileSync('swtpm_setup', [...words, '--create-ek-cert', '--not-overwrite'], { stdio: 'pipe', timeout: HANG_MS })
}

async function start(context: TestContext, folder: string): Promise<number> {
  const port = await steadyPort()
  const child = spawn(
    'swtpm',
    [
      'socket',
      '--tpm2',
      '--tpmstate',
      `dir=${join(folder, 'state')}`,
      '--flags',
      'not-need-init,startup-clear',
      '--server',
      `type=tcp,bindaddr=127.0.0.1,port=${port}`,
      // tss expects the control channel on the next port.
      '--ctrl',
      `type=tcp,bindaddr=127.0.0.1,port=${port + 1}`,
    ],
    { stdio: 'ignore' },
  )
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()))
  context.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  while (!(await listens(port))) {
    assert.equal(child.exitCode, null, 'swtpm ended')
    await pauseMs(LOOK_AGAIN_MS)
  }
  return port
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

const HANG_MS = 30_000
const LOOK_AGAIN_MS = 20
