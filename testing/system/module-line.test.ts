/** The line on tokens of modules that we did not write: SoftHSM, and tpm2-pkcs11 on a software TPM. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CryptokiModule, type ModuleOptions } from '@birthmark/chip/cryptoki/adapters'
import { parseManifest } from '@birthmark/factory/manifest'
import { equalBytes, isFault } from '@birthmark/foundation/kernel'
import { parseCertificate, verifySignature } from '@birthmark/foundation/x509'
import { HSM_PIN, newHsmTokens } from '../testkit/hsm-tokens.ts'
import { newAuthority } from '../testkit/new-authority.ts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { newSwtpm, tpm2Pkcs11Module } from '../testkit/swtpm.ts'

const DEVICES = 20

test('SoftHSM drives the line: 20 tokens become 20 devices, and the token itself enforces the locks', async (t) => {
  const labels = Array.from({ length: DEVICES }, (_, n) => `device ${n}`)
  const hsm = await newHsmTokens(t, ...labels)
  const line = await newLine(t)
  const words = [...line.words, '--module', hsm.path, '--pin-file', hsm.pinFile]
  assert.deepEqual(await outcomes(words, hsm.environment), Array(DEVICES).fill('made'))
  const again = await outcomes([...words, '--tokens', 'device 3', 'device 4'], hsm.environment)
  // The order is complete, so that nothing is opened.
  assert.deepEqual(again, [])

  assert.deepEqual(line.locks(), Array(DEVICES).fill(undefined))
  const made = line.made()
  assert.equal(made.size, DEVICES)
  for (const label of labels.slice(0, 3)) {
    const options = { label, pin: HSM_PIN, environment: hsm.environment }
    await assertBorn(t, { path: hsm.path, options, made, strength: 'enforced' })
  }
  // Another program, with the right PIN, cannot take them away either.
  const remove = ['--delete-object', '--type', 'privkey', '--label', 'device key']
  // CKR_ACTION_PROHIBITED
  assert.throws(() => hsm.tool('device 5', ...remove), /C_DestroyObject.*0x1b/)
  assert.match(hsm.tool('device 5', '-O'), /Private Key Object; EC\n +label: +device key/)
})

test('tpm2-pkcs11 drives the line: 20 tokens become 20 devices, and the locks are on record only', async (t) => {
  const tpm = await newSwtpm(t)
  mkdirSync(join(tpm.folder, 'store'))
  const path = tpm2Pkcs11Module()
  const tool = (...words: readonly string[]): string => tpm.run('pkcs11-tool', '--module', path, ...words)
  for (let n = 0; n < DEVICES; n += 1) {
    const slot = ['--slot-index', String(n)]
    tool('--init-token', ...slot, '--label', `device ${n}`, '--so-pin', 'so-pin-1')
    tool('--init-pin', ...slot, '--login', '--login-type', 'so', '--so-pin', 'so-pin-1', '--new-pin', '471100')
  }
  const pinFile = join(tpm.folder, 'pin')
  writeFileSync(pinFile, '471100\n')
  const line = await newLine(t)
  const environment = Object.fromEntries(Object.entries(tpm.env).map(([name, value]) => [name, value ?? '']))
  // A TPM without a resource manager serves one program at a time.
  const words = [...line.words, '--module', path, '--pin-file', pinFile, '--parallel', '1']
  assert.deepEqual(await outcomes(words, environment), Array(DEVICES).fill('made'))

  assert.deepEqual(line.locks(), Array(DEVICES).fill('recorded'))
  const made = line.made()
  assert.equal(made.size, DEVICES)
  const options = { label: 'device 7', pin: '471100', environment }
  await assertBorn(t, { path, options, made, strength: 'recorded' })
  // Another program takes a key away, since the token lets it; then the record shows that it is not what was locked.
  const login = ['--token-label', 'device 7', '--login', '--pin', '471100']
  tool(...login, '--delete-object', '--type', 'privkey', '--label', 'device key')
  const element = await CryptokiModule.open(path, options)
  t.after(() => element.close())
  const isBroken = (error: unknown): boolean => isFault(error, 'CRYPTOKI_LOCK_BROKEN')
  await assert.rejects(element.isLocked('device key'), isBroken)
  await assert.rejects(element.generateKey('device key'), isBroken)
  assert.equal(await element.isLocked('device certificate'), true)
})

test('a line over a module says what is wrong with it', async (t) => {
  const { environment: env, path, pinFile } = await newHsmTokens(t)
  const { words } = await newLine(t)
  const run = [...words, '--module', path]
  await failsPlainly(run, { code: 'LINE_TOKENS_MISSING', says: /no initialised token/ }, { env })
  await failsPlainly([...run, '--pin-file', '/nowhere'], { code: 'LINE_PIN_UNUSABLE', says: /PIN file/ }, { env })
  await failsPlainly([...run, '--virtual', '1'], { code: 'LINE_ELEMENTS_NOT_NAMED', says: /two kinds/ }, { env })
  const { status, stdout } = await runBirthmark([...run, '--tokens', 'none', '--pin-file', pinFile, '--json'], { env })
  assert.equal(status, 1)
  assert.equal(JSON.parse(stdout.split('\n')[0] ?? '').reason.code, 'CRYPTOKI_TOKEN_MISSING')
})

interface TestLine {
  readonly words: readonly string[]
  /** The certificates of the manifest, by number of the element. */
  made(): ReadonlyMap<string, Uint8Array>
  /** What the ledger says of the locks of each device. */
  locks(): readonly unknown[]
}

async function newLine(t: TestContext): Promise<TestLine> {
  const { folder: authority, passphrase } = await newAuthority(t)
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('pass'), `${passphrase}\n`)
  writeFileSync(file('order.json'), JSON.stringify(ORDER))
  const where = ['--authority', authority, '--passphrase-file', file('pass'), '--data', file('line')]
  return {
    words: ['line', 'run', '--work-order', file('order.json'), ...where],
    made: () => {
      const { devices } = parseManifest(readFileSync(file('line/manifest.jsonl'), 'utf8'))
      return new Map(devices.map(({ uid, certificate }) => [uid, certificate]))
    },
    locks: () => {
      const lines = readFileSync(file('line/ledger.jsonl'), 'utf8').trimEnd().split('\n')
      const records = lines.map((line) => JSON.parse(line).record)
      return records.filter(({ kind }) => kind === 'locked').map(({ locks }) => locks)
    },
  }
}

const ORDER = {
  format: 'birthmark-work-order/1',
  id: 'PO-1',
  product: 'press',
  count: DEVICES,
  locks: ['key', 'certificate'],
}

async function outcomes(words: readonly string[], env: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env })
  assert.equal(status, 0, stderr + stdout)
  const events = stdout.trimEnd().split('\n')
  return events.map((line) => JSON.parse(line)).flatMap((event) => event.outcome ?? [])
}

interface Born {
  readonly path: string
  readonly options: ModuleOptions
  readonly made: ReadonlyMap<string, Uint8Array>
  readonly strength: 'enforced' | 'recorded'
}

/** Asserts that a token is a finished device: certificate, working key, locks that hold as they say. */
async function assertBorn(t: TestContext, { path, options, made, strength }: Born): Promise<void> {
  const element = await CryptokiModule.open(path, options)
  t.after(() => element.close())
  const { uid } = await element.identify()
  const { key, certificate } = element.defaultSlots
  const der = await element.readCertificate(certificate)
  assert.ok(der !== undefined && equalBytes(der, made.get(uid) ?? new Uint8Array(0)))
  const { publicKey } = parseCertificate(der)
  const signer = await element.signer(key)
  const message = await element.random(32)
  const signature = await signer.sign(message)
  assert.ok(verifySignature({ publicKey, algorithm: signer.algorithm, message, signature }))
  assert.equal(await element.lockStrength(key), strength)
  assert.equal(await element.lockStrength(certificate), strength)
  const isLockedFault = (error: unknown): boolean => isFault(error, 'CRYPTOKI_SLOT_LOCKED')
  await assert.rejects(element.generateKey(key), isLockedFault)
  await assert.rejects(element.generateKeyPair({ label: key }), isLockedFault)
  await assert.rejects(element.writeCertificate(certificate, der), isLockedFault)
  for (const object of await element.objects()) await assert.rejects(element.destroyObject(object), isLockedFault)
  await element.close()
}
