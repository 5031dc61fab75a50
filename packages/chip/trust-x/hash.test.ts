import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ChipBench, command, field } from '../../../testing/testkit/chip-bench.ts'
import { nodeCrypto } from './adapters/node-crypto.ts'
import { openContext, sealContext } from './hash-context.ts'
import { sha256Digest, sha256Start, sha256Update } from './sha256.ts'

const ABC = '616263'
const DIGEST_OF_ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const DIGEST_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

test('SHA-256 in any parts is OpenSSL’s', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (parts) => {
      const state = parts.reduce(sha256Update, sha256Start())
      assert.equal(toHex(sha256Digest(state)), createHash('sha256').update(Buffer.concat(parts)).digest('hex'))
    }),
  )
})

test('a computation that went on is not changed by what follows', () => {
  const half = sha256Update(sha256Start(), Buffer.from('abc'))
  sha256Update(half, randomBytes(500))
  assert.equal(toHex(sha256Digest(half)), DIGEST_OF_ABC)
})

test('a context comes back as it went, and only to the chip that gave it', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 129 }), (message, at) => {
      const secret = new Uint8Array(16).fill(1)
      const state = sha256Update(sha256Start(), message)
      const context = sealContext(state, secret, nodeCrypto)
      assert.equal(context.length, 130)
      assert.deepEqual(openContext(context, secret, nodeCrypto), state)
      assert.equal(openContext(context, new Uint8Array(16), nodeCrypto), undefined)
      context[at]! ^= 1
      assert.equal(openContext(context, secret, nodeCrypto), undefined)
    }),
  )
})

test('arbitrary bytes are not a context', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 129, maxLength: 131 }), (context) => {
      assert.equal(openContext(context, new Uint8Array(16), nodeCrypto), undefined)
    }),
  )
})

test('a hash in one step, in many, and of nothing', () => {
  const chip = ChipBench.open()
  assert.equal(chip.ok(command('30 E2', field('01', ABC))), `010020${DIGEST_OF_ABC}`)
  assert.equal(chip.ok(command('30 E2', field('01', ''))), `010020${DIGEST_OF_NOTHING}`)
  assert.equal(chip.ok(command('30 E2', field('00', '61'))), '')
  assert.equal(chip.ok(command('30 E2', field('02', '62'))), '')
  assert.equal(chip.ok(command('30 E2', field('03', '63'))), `010020${DIGEST_OF_ABC}`)
})

test('an intermediate result leaves the hash running', () => {
  const chip = ChipBench.open()
  chip.ok(command('30 E2', field('00', '6162')))
  assert.equal(chip.ok(command('30 E2', field('05', '63'))), `010020${DIGEST_OF_ABC}`)
  const rest = createHash('sha256').update('abcd').digest('hex')
  assert.equal(chip.ok(command('30 E2', field('03', '64'))), `010020${rest}`)
})

test('the vendor’s examples: start with export, continue with import and export, final with import', () => {
  const chip = ChipBench.open()
  const started = chip.ok('30 E2 0006 00 0000 07 0000')
  assert.match(started, /^060082[0-9a-f]{260}$/)
  const continued = chip.ok(`30 E2 008F 02 0003 616263 ${started} 07 0000`.replace('008F', '008E'))
  assert.match(continued, /^060082[0-9a-f]{260}$/)
  assert.equal(chip.ok(`30 E2 0088 03 0000 ${continued}`), `010020${DIGEST_OF_ABC}`)
})

test('two hashes run side by side through their contexts, also across OpenApplication', () => {
  const chip = ChipBench.open()
  const one = chip.ok(command('30 E2', field('00', '61'), field('07', '')))
  const other = chip.ok(command('30 E2', field('00', 'FF'), field('07', '')))
  chip.ok('F0 00 0010 D2760000 0447656E41757468 4170706C')
  assert.equal(chip.ok(command('30 E2', field('03', '6263'), one)), `010020${DIGEST_OF_ABC}`)
  const rest = createHash('sha256').update(Buffer.from('ff00', 'hex')).digest('hex')
  assert.equal(chip.ok(command('30 E2', field('03', '00'), other)), `010020${rest}`)
})

test('a part of a data object is hashed where it lies', () => {
  const chip = ChipBench.open()
  chip.ok(command('02 40', 'F1D0 0000', `00${ABC}00`))
  assert.equal(chip.ok(command('30 E2', field('11', 'F1D0 0001 0003'))), `010020${DIGEST_OF_ABC}`)
  chip.ok(command('30 E2', field('10', 'F1D0 0001 0001')))
  assert.equal(chip.ok(command('30 E2', field('13', 'F1D0 0002 0002'))), `010020${DIGEST_OF_ABC}`)
})

/** Rows: the command, the error code, why. A hash is running before it. */
const REFUSED: readonly (readonly [command: string, error: string, why: string])[] = [
  [command('30 E3', field('01', ABC)), '03', 'another hash'],
  ['30 E2 0000', '04', 'nothing'],
  ['30 E2 0004 01 0002 61', '04', 'a field that is too short'],
  [command('30 E2', field('06', ABC)), '05', 'a step that does not exist'],
  [command('30 E2', field('21', ABC)), '05', 'a source that does not exist'],
  [command('30 E2', field('01', ABC), field('07', '')), '05', 'an export of a finished hash'],
  [command('30 E2', field('03', ABC), field('07', '')), '05', 'an export of a hash that ends'],
  [command('30 E2', field('00', ABC), field('07', '00')), '05', 'an export with content'],
  [command('30 E2', field('00', ABC), field('06', '00'.repeat(130))), '05', 'an import into a new hash'],
  [command('30 E2', field('02', ABC), field('06', '00'.repeat(130))), '05', 'a context of nobody'],
  [command('30 E2', field('02', ABC), field('06', '')), '05', 'an empty context'],
  [command('30 E2', field('00', ABC), field('08', '')), '05', 'a field of another command'],
  [command('30 E2', field('04', ABC)), '05', 'an end with content'],
  [command('30 E2', field('11', 'F1D0 0000')), '05', 'half a place'],
  [command('30 E2', field('11', 'F1D0 0000 0001')), '08', 'more than an object has'],
  [command('30 E2', field('11', 'FFFF 0000 0001')), '01', 'an object that does not exist'],
  [command('30 E2', field('11', 'E0F1 0000 0000')), '07', 'a key'],
]

for (const [sent, error, why] of REFUSED) {
  test(`${sent.replaceAll(' ', '').slice(0, 30)} is refused with ${error}: ${why}; the running hash stays`, () => {
    const chip = ChipBench.open()
    chip.ok(command('30 E2', field('00', '6162')))
    assert.equal(chip.refused(sent), error)
    assert.equal(chip.ok(command('30 E2', field('03', '63'))), `010020${DIGEST_OF_ABC}`)
  })
}

for (const step of ['02', '03', '05']) {
  test(`step ${step} without a running hash is out of sequence`, () => {
    const chip = ChipBench.open()
    assert.equal(chip.refused(command('30 E2', field(step, ABC))), '0b')
    chip.ok(command('30 E2', field('00', ABC)))
    chip.ok(command('30 E2', field('04', '')))
    assert.equal(chip.refused(command('30 E2', field(step, ABC))), '0b')
  })
}
