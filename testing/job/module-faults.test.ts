/** The module driver on programs that stand in for a module: our own token, and everything that can go wrong. */
import assert from 'node:assert/strict'
import { createECDH, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { CryptokiModule, type ModuleOptions } from '@birthmark/chip/cryptoki/adapters'
import { isFault, millis } from '@birthmark/foundation/kernel'
import { pointFromSpki, spkiFromPoint, verifySignature } from '@birthmark/foundation/x509'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const BIRTHMARK = join(import.meta.dirname, '../../packages/cli/bin/birthmark.js')

/** A chip's token on standard input and output, which the driver takes for a module of p11-kit 0.25.6 or later. */
async function ownToken(context: TestContext): Promise<CryptokiModule> {
  const chip = join(await scratchFolder(context), 'chip')
  const command = [process.execPath, BIRTHMARK, 'token', 'serve', '--stdio', '--chip', chip] as const
  const module = await CryptokiModule.open('our own', { command })
  context.after(() => module.close())
  return module
}

test('the driver drives our own token: a pair of either curve signs, verifies and derives', async (context) => {
  const module = await ownToken(context)
  for (const [label, curve, short, node] of [
    ['0xE0F1', 'ec-p256', 'p256', 'prime256v1'],
    ['0xE0F2', 'ec-p384', 'p384', 'secp384r1'],
  ] as const) {
    const id = Uint8Array.of(Number(label.at(-1)))
    const publicKey = await module.generateKeyPair({ label, id, curve, mayDerive: true })
    const signer = await module.signer({ label })
    assert.deepEqual(signer.publicKey, publicKey)
    const message = randomBytes(40)
    const signature = await signer.sign(message)
    assert.ok(verifySignature({ publicKey, algorithm: signer.algorithm, message, signature }))
    assert.equal(await module.verify({ label }, message, signature), true)
    assert.equal(await module.verify({ label }, randomBytes(40), signature), false)
    const other = createECDH(node)
    const peer = spkiFromPoint(short, new Uint8Array(other.generateKeys()))
    const secret = await module.derive({ label }, peer)
    assert.deepEqual(secret, new Uint8Array(other.computeSecret(pointFromSpki(publicKey))))
    await assert.rejects(module.derive({ label }, randomBytes(90)), (error) =>
      isFault(error, 'CRYPTOKI_KEY_UNSUPPORTED'),
    )
  }
})

const STAND_INS = {
  'a program that is not there': ['/nowhere/p11-kit'],
  'one that ends at once': ['true'],
  'one that says what it hears': ['cat'],
  'one that is random': ['head', '-c', '5000000', '/dev/urandom'],
  'one that announces a giant': ['printf', '\\002\\000\\000\\000\\020\\000\\000\\000\\000\\377\\377\\377\\377'],
  'one of another protocol': ['echo', 'HTTP/1.1 400 Bad Request'],
  'one that answers a call that nobody made': [
    'printf',
    '\\002\\000\\000\\000\\001\\000\\000\\000\\000\\000\\000\\000\\000',
  ],
  'one that breaks off': ['printf', '\\000\\000\\000\\000\\020\\000\\000\\000\\000'],
} as const satisfies Record<string, ModuleOptions['command']>

for (const [name, command] of Object.entries(STAND_INS)) {
  test(`${name} fails the call, and the caller goes on`, async () => {
    const opening = CryptokiModule.open('a module', { command, label: 'any' })
    await assert.rejects(opening, (error) => isFault(error, 'CRYPTOKI_MODULE_LOST'))
  })
}

test('one that listens and says nothing is ended after its patience', async () => {
  const opening = CryptokiModule.open('a module', { command: ['sleep', '1000'], patience: millis(50) })
  await assert.rejects(opening, (error) => isFault(error, 'CRYPTOKI_MODULE_SILENT'))
})

test('a token that numbers its keys itself gets them from the driver without a number', async (context) => {
  const module = await ownToken(context)
  const publicKey = await module.generateKey('0xE0F3')
  assert.deepEqual((await module.signer('0xE0F3')).publicKey, publicKey)
  assert.deepEqual((await module.objects({ kind: 'private-key', label: '0xE0F3' }))[0]?.id, Uint8Array.of(3))
})
