import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import { isFault, toHex } from '@birthmark/foundation/kernel'
import { createCsr, verifyCsr } from '@birthmark/foundation/x509'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { newTlsAuthority } from '../testkit/tls-identities.ts'

const MODULE = '/usr/lib/softhsm/libsofthsm2.so'
const LABEL = 'station 7'
const PIN = '4711'

/** A SoftHSM token of its own for one test. The module reads where it is from the environment. */
async function softHsm(context: TestContext): Promise<CryptokiModule> {
  const folder = await scratchFolder(context)
  mkdirSync(join(folder, 'tokens'))
  const configuration = join(folder, 'softhsm2.conf')
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\n`)
  process.env['SOFTHSM2_CONF'] = configuration
  const words = ['--init-token', '--free', '--label', LABEL, '--pin', PIN, '--so-pin', '12345678']
  execFileSync('softhsm2-util', words, { stdio: 'pipe' })
  const element = await CryptokiModule.open(MODULE, { label: LABEL, pin: PIN })
  context.after(() => element.close())
  return element
}

test('SoftHSM makes a key that signs, and keeps its certificate', async (context) => {
  const element = await softHsm(context)
  assert.match((await element.identify()).uid, /^[0-9a-f]{16}$/)
  const spki = await element.generateKey('0xE0F1')
  const message = randomBytes(50)
  const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  const digest = createHash('sha256').update(message).digest()
  const signatures = await Promise.all(Array.from({ length: 20 }, () => element.signDigest('0xE0F1', digest)))
  for (const signature of signatures) assert.ok(verify('sha256', message, key, signature))
  assert.equal(await element.readCertificate('0xE0E1'), undefined)
  const chain = await (await newTlsAuthority()).certify(spki)
  for (const certificate of chain) {
    await element.writeCertificate('0xE0E1', certificate.der)
    assert.deepEqual(await element.readCertificate('0xE0E1'), certificate.der)
  }
  assert.equal((await element.random(32)).length, 32)
})

test('a second key under a label takes the first one’s place', async (context) => {
  const element = await softHsm(context)
  const first = await element.generateKey('device key')
  const second = await element.generateKey('device key')
  assert.notEqual(toHex(first), toHex(second))
  assert.equal(toHex((await element.signer('device key')).publicKey), toHex(second))
})

test('a key in SoftHSM is a Signer: it signs a certificate request', async (context) => {
  const element = await softHsm(context)
  const publicKey = await element.generateKey('authority')
  const signer = await element.signer('authority')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'station' }], signer })
  assert.equal(toHex(verifyCsr(csr).publicKey), toHex(publicKey))
})

test('what the module refuses or lacks has a declared fault', async (context) => {
  const element = await softHsm(context)
  await assert.rejects(element.signDigest('none', randomBytes(32)), (error) =>
    isFault(error, 'CRYPTOKI_OBJECT_MISSING'),
  )
  await assert.rejects(element.lock(), (error) => isFault(error, 'CRYPTOKI_NOT_SUPPORTED'))
  const wrongPin = CryptokiModule.open(MODULE, { label: LABEL, pin: '0000' })
  await assert.rejects(
    wrongPin,
    (error) => isFault(error, 'CRYPTOKI_REFUSED') && error.context['code'] === 'CKR_PIN_INCORRECT',
  )
  await assert.rejects(CryptokiModule.open(MODULE, { label: 'none' }), (error) =>
    isFault(error, 'CRYPTOKI_TOKEN_MISSING'),
  )
  const noModule = CryptokiModule.open('/nowhere/module.so', { label: LABEL })
  await assert.rejects(noModule, (error) => isFault(error, 'CRYPTOKI_MODULE_LOST'))
})

test('a module that was ended is started again by the next call', async (context) => {
  const element = await softHsm(context)
  const before = await element.generateKey('device key')
  await element.close()
  assert.equal(toHex((await element.signer('device key')).publicKey), toHex(before))
})

test('a module that is killed fails the call that met it, and the next call starts it again', async (context) => {
  const element = await softHsm(context)
  const before = await element.generateKey('device key')
  const own = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  const modules = own
    .split(' ')
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(MODULE))
  assert.equal(modules.length, 1)
  const call = element.random(1024)
  process.kill(Number(modules[0]), 'SIGKILL')
  await call.then(
    (bytes) => assert.equal(bytes.length, 1024, 'it answered before it was killed'),
    (error: unknown) => assert.ok(isFault(error, 'CRYPTOKI_MODULE_LOST'), String(error)),
  )
  for (;;) {
    // The end of a process is heard of a moment after it; until then calls fail with the same fault.
    const signer = await element.signer('device key').catch((error: unknown) => error)
    if (isFault(signer, 'CRYPTOKI_MODULE_LOST')) continue
    assert.ok(!(signer instanceof Error), String(signer))
    break
  }
  assert.equal(toHex((await element.signer('device key')).publicKey), toHex(before))
})
