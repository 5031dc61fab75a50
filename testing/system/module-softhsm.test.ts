/** The module driver on SoftHSM. */
import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CKA, CKM, CKO } from '@birthmark/chip/cryptoki'
import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import { encodeUtf8, isFault, millis, seconds, toHex } from '@birthmark/foundation/kernel'
import { createCsr, verifyCsr } from '@birthmark/foundation/x509'
import { HSM_PIN, type HsmTokens, newHsmTokens } from '../testkit/hsm-tokens.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { newTlsAuthority } from '../testkit/tls-identities.ts'

const LABEL = 'station 7'

/** A token of its own for one test. */
async function softHsm(context: TestContext): Promise<{ readonly element: CryptokiModule; readonly hsm: HsmTokens }> {
  const hsm = await newHsmTokens(context, LABEL)
  const element = await CryptokiModule.open(hsm.path, access(hsm))
  context.after(() => element.close())
  return { element, hsm }
}

function access({
  environment,
}: HsmTokens): { readonly label: string; readonly pin: string } & Pick<HsmTokens, 'environment'> {
  return { label: LABEL, pin: HSM_PIN, environment }
}

const fails =
  (code: string) =>
  (error: unknown): boolean =>
    isFault(error, code)

test('SoftHSM makes a key that signs, and keeps its certificate', async (context) => {
  const { element } = await softHsm(context)
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

test('the slots of a module, their tokens and mechanisms are told before anybody logs in', async (context) => {
  const { path, environment } = await newHsmTokens(context, 'one', 'two')
  const module = await CryptokiModule.open(path, { environment })
  context.after(() => module.close())
  const slots = await module.slots()
  const tokens = slots.flatMap(({ token }) => token ?? []).sort((one, other) => (one.label < other.label ? -1 : 1))
  assert.deepEqual(
    tokens.map(({ label, isInitialised, needsLogin, isPinLocked }) => [label, isInitialised, needsLogin, isPinLocked]),
    [
      ['', false, true, false],
      ['one', true, true, false],
      ['two', true, true, false],
    ],
  )
  await assert.rejects(module.token(), fails('CRYPTOKI_TOKEN_AMBIGUOUS'))
  const serial = tokens.at(-1)?.serial ?? ''
  const second = await CryptokiModule.open(path, { environment, serial, manufacturer: 'SoftHSM project' })
  context.after(() => second.close())
  assert.equal((await second.token()).label, 'two')
  assert.ok((await second.mechanisms()).includes(CKM.ECDSA))
})

test('private keys are there after the login, and out of reach after the logout', async (context) => {
  const { hsm } = await softHsm(context)
  const element = await CryptokiModule.open(hsm.path, { label: LABEL, environment: hsm.environment })
  context.after(() => element.close())
  await element.login(HSM_PIN)
  await element.generateKeyPair({ label: 'key', id: Uint8Array.of(7), curve: 'ec-p384' })
  const signer = await element.signer({ id: Uint8Array.of(7) })
  await element.logout()
  await assert.rejects(signer.sign(randomBytes(3)), fails('CRYPTOKI_OBJECT_MISSING'))
  await assert.rejects(element.login('0000'), fails('CRYPTOKI_REFUSED'))
  await element.login(HSM_PIN)
  assert.equal((await signer.sign(randomBytes(3)))[0], 0x30)
})

test('a PIN that the token refused is not presented again', async (context) => {
  const { element, hsm } = await softHsm(context)
  // The PIN changes while the module is away.
  await element.close()
  hsm.tool(LABEL, '--change-pin', '--new-pin', '815815')
  await assert.rejects(element.random(8), fails('CRYPTOKI_REFUSED'))
  await assert.rejects(element.random(8), fails('CRYPTOKI_PIN_STALE'))
  await element.login('815815')
  assert.equal((await element.random(8)).length, 8)
})

test('keys of P-256, P-384 and RSA are Signers, found by label, by CKA_ID or both', async (context) => {
  const { element, hsm } = await softHsm(context)
  await element.generateKeyPair({ label: 'ca', id: Uint8Array.of(1) })
  await element.generateKeyPair({ label: 'ca', id: Uint8Array.of(2), curve: 'ec-p384' })
  hsm.tool(LABEL, '--keypairgen', '--key-type', 'rsa:3072', '--id', '03', '--label', 'old ca')
  await element.close()
  for (const [name, algorithm] of [
    [{ label: 'ca', id: Uint8Array.of(1) }, 'ecdsa-p256-sha256'],
    [{ id: Uint8Array.of(2) }, 'ecdsa-p384-sha384'],
    ['old ca', 'rsa-pkcs1-sha256'],
  ] as const) {
    const signer = await element.signer(name)
    assert.equal(signer.algorithm, algorithm)
    const csr = await createCsr({ subject: [{ type: 'CN', value: 'ca' }], signer })
    assert.equal(toHex(verifyCsr(csr).publicKey), toHex(signer.publicKey))
    const message = randomBytes(9)
    const which = typeof name === 'string' ? { label: name } : name
    const signature = await signer.sign(message)
    assert.equal(await element.verify(which, message, signature), true)
    assert.equal(await element.verify(which, randomBytes(9), signature), false)
    assert.equal(await element.verify(which, message, Uint8Array.of(1)), false)
  }
  await assert.rejects(element.signer('ca'), fails('CRYPTOKI_OBJECT_AMBIGUOUS'))
  hsm.tool(LABEL, '--keypairgen', '--key-type', 'EC:secp521r1', '--id', '04', '--label', 'p521')
  await element.close()
  await assert.rejects(element.signer('p521'), fails('CRYPTOKI_KEY_UNSUPPORTED'))
})

test('a second key under a label takes the first one’s place, whoever made it', async (context) => {
  const { element } = await softHsm(context)
  const first = await element.generateKey('device key')
  const second = await element.generateKey('device key')
  assert.notEqual(toHex(first), toHex(second))
  const signer = await element.signer('device key')
  assert.equal(toHex(signer.publicKey), toHex(second))
  await signer.sign(randomBytes(8))
  for (const object of await element.objects({ label: 'device key' })) await element.destroyObject(object)
  await assert.rejects(signer.sign(randomBytes(8)), fails('CRYPTOKI_OBJECT_MISSING'))
  await element.generateKeyPair({ label: 'device key' })
  assert.ok((await signer.sign(randomBytes(8))).length > 60)
})

test('objects are listed, found, read, made and destroyed', async (context) => {
  const { element } = await softHsm(context)
  const id = Uint8Array.of(0xab)
  await element.generateKeyPair({ label: 'a', id })
  const note = await element.createObject([
    { type: CKA.CLASS, value: CKO.DATA },
    { type: CKA.TOKEN, value: 1 },
    { type: CKA.LABEL, value: encodeUtf8('note') },
    { type: CKA.VALUE, value: encodeUtf8('hello') },
  ])
  assert.deepEqual(note, { kind: 'data', label: 'note', id: new Uint8Array(0) })
  const named = (await element.objects()).map(({ kind, label, id: own }) => `${kind} ${label} ${toHex(own)}`)
  assert.deepEqual(named.sort(), ['data note ', 'private-key a ab', 'public-key a ab'])
  const [key] = await element.objects({ kind: 'private-key', label: 'a', id })
  const attributes = await element.readAttributes(key!, [CKA.EXTRACTABLE, CKA.SENSITIVE, CKA.VALUE, CKA.SUBJECT])
  const told = attributes.filter(({ value }) => !(value instanceof Uint8Array && value.length === 0))
  assert.deepEqual(told, [
    { type: CKA.EXTRACTABLE, value: 0 },
    { type: CKA.SENSITIVE, value: 1 },
  ])
  await element.destroyObject(note)
  await assert.rejects(element.readAttributes(note, [CKA.VALUE]), fails('CRYPTOKI_REFUSED'))
  await element.close()
  await assert.rejects(element.readAttributes(key!, [CKA.SENSITIVE]), fails('CRYPTOKI_OBJECT_MISSING'))
})

test('what is locked stays as it was, for this software and for others', async (context) => {
  const { element, hsm } = await softHsm(context)
  await assert.rejects(element.lock('device key'), fails('CRYPTOKI_OBJECT_MISSING'))
  const publicKey = await element.generateKey('device key')
  assert.equal(await element.isLocked('device key'), false)
  await element.lock('device key')
  await element.lock('device key')
  assert.equal(await element.lockStrength('device key'), 'enforced')
  assert.equal((await element.objects({ label: 'device key' })).length, 2)
  const signer = await element.signer('device key')
  assert.equal(toHex(signer.publicKey), toHex(publicKey))
  const message = randomBytes(20)
  assert.ok(await element.verify({ label: 'device key' }, message, await signer.sign(message)))
  await assert.rejects(element.generateKey('device key'), fails('CRYPTOKI_SLOT_LOCKED'))
  // A stranger's pair under the same label, which the token cannot prevent: it shows.
  hsm.tool(LABEL, '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '77', '--label', 'device key')
  await element.close()
  await assert.rejects(element.isLocked('device key'), fails('CRYPTOKI_LOCK_BROKEN'))
  await assert.rejects(element.lock('birthmark number'), fails('CRYPTOKI_VALUE_SHAPE'))
})

test('a lock that is interrupted at any call goes on, with the same key', async (context) => {
  const { element, hsm } = await softHsm(context)
  const proxy = join(import.meta.dirname, '../testkit/cut-module.ts')
  let isThrough = false
  for (let call = FIRST_CALL_OF_LOCK; !isThrough; call += 1) {
    const label = `key ${call}`
    const publicKey = await element.generateKey(label)
    const command = [process.execPath, proxy, hsm.path, String(call)] as const
    const cut = await CryptokiModule.open(hsm.path, { ...access(hsm), command })
    const [{ status }] = await Promise.allSettled([cut.lock(label)])
    await cut.close()
    isThrough = status === 'fulfilled'
    // A station that starts anew finds what is there and goes on.
    await element.close()
    await element.lock(label)
    assert.equal(await element.lockStrength(label), 'enforced', label)
    assert.equal((await element.objects({ label })).length, 2, label)
    const signer = await element.signer(label)
    assert.deepEqual(signer.publicKey, publicKey)
    const message = randomBytes(8)
    assert.ok(await element.verify({ label }, message, await signer.sign(message)), label)
  }
})

/** After C_Initialize, the calls that find the slot and log in. */
const FIRST_CALL_OF_LOCK = 9

test('a module that hangs fails its calls, is ended, and is started again', async (context) => {
  const { hsm } = await softHsm(context)
  const marker = join(await scratchFolder(context), 'hung')
  const script = `if [ -e ${marker} ]; then exec p11-kit remote ${hsm.path}; else touch ${marker}; exec sleep 1000; fi`
  const command = ['sh', '-c', script] as const
  const options = { ...access(hsm), command, patience: millis(300) }
  await assert.rejects(CryptokiModule.open(hsm.path, options), fails('CRYPTOKI_MODULE_SILENT'))
  const element = await CryptokiModule.open(hsm.path, { ...options, patience: seconds(30) })
  context.after(() => element.close())
  assert.equal((await element.random(8)).length, 8)
  assert.equal(processesOf('sleep 1000').length, 0)
})

test('what the module refuses or lacks has a declared fault', async (context) => {
  const { element, hsm } = await softHsm(context)
  const { path, environment } = hsm
  await assert.rejects(element.signDigest('none', randomBytes(32)), fails('CRYPTOKI_OBJECT_MISSING'))
  await element.generateKey('key')
  await assert.rejects(element.signDigest('key', randomBytes(20)), fails('CRYPTOKI_VALUE_SHAPE'))
  await assert.rejects(element.writeCertificate('0xE0E1', randomBytes(20)), fails('CRYPTOKI_VALUE_SHAPE'))
  const peer = await element.generateKey('peer')
  // p11-kit 0.24 cannot say the parameter; later ones can.
  await assert.rejects(element.derive({ label: 'key' }, peer), fails('CRYPTOKI_NOT_SUPPORTED'))
  const wrongPin = CryptokiModule.open(path, { label: LABEL, pin: '0000', environment })
  await assert.rejects(
    wrongPin,
    (error) => isFault(error, 'CRYPTOKI_REFUSED') && error.context['code'] === 'CKR_PIN_INCORRECT',
  )
  await assert.rejects(CryptokiModule.open(path, { label: 'none', environment }), fails('CRYPTOKI_TOKEN_MISSING'))
  await assert.rejects(CryptokiModule.open('/nowhere/module.so', { label: LABEL }), fails('CRYPTOKI_MODULE_LOST'))
})

test('a module that was ended is started again by the next call, once for all that come together', async (context) => {
  const { element, hsm } = await softHsm(context)
  const before = await element.generateKey('device key')
  await element.close()
  const signers = await Promise.all(Array.from({ length: 10 }, () => element.signer('device key')))
  for (const { publicKey } of signers) assert.equal(toHex(publicKey), toHex(before))
  assert.equal(processesOf(hsm.path).length, 1)
})

test('a module that is killed in the middle of calls fails them, and the next one starts it again', async (context) => {
  const { element, hsm } = await softHsm(context)
  const before = await element.generateKey('device key')
  const signer = await element.signer('device key')
  let failures = 0
  for (let round = 0; round < 5; round += 1) {
    const calls = Array.from({ length: 500 }, () => signer.sign(randomBytes(30)))
    // The module is at work on the others when it has answered the first.
    await calls[0]
    const [pid] = processesOf(hsm.path)
    process.kill(pid ?? 0, 'SIGKILL')
    const settled = await Promise.allSettled(calls)
    const failed = settled.filter(({ status }) => status === 'rejected')
    failures += failed.length
    for (const each of failed) assert.ok('reason' in each && isFault(each.reason, 'CRYPTOKI_MODULE_LOST'))
    assert.equal(toHex((await element.signer('device key')).publicKey), toHex(before))
    assert.equal((await signer.sign(randomBytes(30)))[0], 0x30)
  }
  assert.ok(failures > 0)
})

/** The processes of this one that run the module. */
function processesOf(module: string): readonly number[] {
  const own = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  const isModule = (pid: string): boolean =>
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(module)
  return own
    .split(' ')
    .filter((pid) => pid !== '' && isModule(pid))
    .map(Number)
}
