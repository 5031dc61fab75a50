import assert from 'node:assert/strict'
import { createHash, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { millis } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { openVirtualChip, TrustX } from './index.ts'
import { KeyPairs } from './key-pairs.ts'
import { openBusyCrypto } from './node-crypto.ts'
import { NONCES_A_TIME, NoncePool, NonceSlots, POOLED_CURVE } from './nonce-pool.ts'
import { DrawnNonces, drawNonces, type Nonce, type Nonces } from './nonces.ts'

/** Nonces that can be told from each other. */
function numbered(count: number, from = 1): Nonce[] {
  return Array.from({ length: count }, (_, index) => ({
    r: BigInt(from + index),
    inverse: BigInt(-from - index) & MAX,
  }))
}

const MAX = (1n << 256n) - 1n

test('nonces come out of the slots in their order, each once, and leave nothing behind', () => {
  const memory = new SharedArrayBuffer(NonceSlots.BYTES)
  const [writer, reader] = [new NonceSlots(memory), new NonceSlots(memory)]
  assert.equal(reader.take(), undefined)
  // Several times round, with the reader now close behind and now far.
  for (let round = 0; round < 20; round++) {
    const nonces = numbered(NONCES_A_TIME, 1 + round * NONCES_A_TIME)
    writer.awaitRoom()
    for (const nonce of nonces) writer.put(nonce)
    for (const nonce of nonces) assert.deepEqual(reader.take(), nonce)
    assert.equal(reader.take(), undefined)
  }
  const wiped = new Uint8Array(memory, 8)
  assert.ok(wiped.every((byte) => byte === 0))
  for (const nonce of numbered(3)) writer.put(nonce)
  assert.ok(wiped.some((byte) => byte !== 0))
  reader.wipe()
  assert.ok(wiped.every((byte) => byte === 0))
})

test('counts that pass 2^31 and 2^32 go on', () => {
  for (const start of [0x7fff_fff0, -16]) {
    const memory = new SharedArrayBuffer(NonceSlots.BYTES)
    new Int32Array(memory, 0, 2).fill(start)
    const slots = new NonceSlots(memory)
    for (const nonce of numbered(64)) slots.put(nonce)
    for (const nonce of numbered(64)) assert.deepEqual(slots.take(), nonce)
    assert.equal(slots.take(), undefined)
  }
})

test('drawn nonces are what they say: r of k g, and the inverse of k', () => {
  const known = new KeyPairs(POOLED_CURVE)
  const drawn: { k: bigint; x: bigint }[] = []
  const pairs = {
    draw: () => {
      const pair = known.draw()
      drawn.push({ k: pair.number, x: BigInt(`0x${Buffer.from(pair.point.subarray(1, 33)).toString('hex')}`) })
      return pair
    },
  }
  const nonces = drawNonces(POOLED_CURVE, pairs, 5)
  for (const [index, { r, inverse }] of nonces.toReversed().entries()) {
    const { k, x } = drawn[index]!
    assert.deepEqual([(k * inverse) % POOLED_CURVE.n, r], [1n, x % POOLED_CURVE.n])
  }
})

test('a pool gives what its thread drew, none twice, and what others draw while it has none', async () => {
  const counted = { count: 0 }
  const drawn = new DrawnNonces(POOLED_CURVE, new KeyPairs(POOLED_CURVE))
  const others: Nonces = {
    take: () => {
      counted.count++
      return drawn.take()
    },
  }
  const pool = new NoncePool(others)
  // The thread is not there yet.
  const seen = new Set([pool.take().r])
  assert.equal(counted.count, 1)
  for (let taken = 1; taken < 1000 || counted.count === taken; taken++) {
    seen.add(pool.take().r)
    assert.equal(seen.size, taken + 1)
    if (taken % 100 === 0) await new Promise<void>((resolve) => void systemTimers.after(millis(5), resolve))
  }
  await pool.close()
  const before = counted.count
  assert.ok(!seen.has(pool.take().r))
  assert.equal(counted.count, before + 1)
})

test('chips that sign often share a thread, sign rightly with and without it, and end it', async () => {
  const chips = await Promise.all([1, 2].map(() => openVirtualChip({ signsOften: true })))
  for (const chip of [...chips, ...chips]) {
    const element = await TrustX.open(chip)
    const key = createPublicKey({ key: Buffer.from(await element.generateKey('0xE0F1')), format: 'der', type: 'spki' })
    for (let count = 0; count < 40; count++) {
      const message = Buffer.from(`message ${count}`)
      const signature = await element.signDigest('0xE0F1', createHash('sha256').update(message).digest())
      assert.ok(verify('sha256', message, key, signature))
    }
  }
  for (const chip of chips) await chip.close()
  const busy = openBusyCrypto()
  const { crypto } = busy
  const { scalar, point } = crypto.generateKey('ec-p384')
  const digest = new Uint8Array(48).fill(1)
  assert.ok(crypto.verify('ec-p384', point, digest, crypto.sign('ec-p384', scalar, digest)))
  await busy.close()
  await busy.close()
})
