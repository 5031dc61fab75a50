import assert from 'node:assert/strict'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { ledgerOptions, STATION_SIGNER } from '../../../testing/testkit/ledger-options.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { checkpointOf, proveConsistency, readCheckpoint, witnessCheckpoint } from './checkpoint.ts'
import { Ledger, viewLedger } from './ledger.ts'
import { checkProof, PROOF_BYTES_MAX, proveDevice } from './prove.ts'
import { type Checkpoint, formatCheckpoint, keyIdOf } from './tree-head.ts'
import { verifyLedger } from './verify.ts'

const writers = [STATION_SIGNER.publicKey]
const witness = { name: 'notary', signer: await SoftwareSigner.generate('ecdsa-p256-sha256') }
const stranger = await SoftwareSigner.generate('ecdsa-p256-sha256')

test('every device of a ledger is proved to somebody who has the key alone, in under 10 KB', async (t) => {
  const path = await writtenLedger(t, 400)
  const { view, close } = await viewLedger(path)
  t.after(close)
  for (const n of [0, 1, 199, 398, 399]) {
    const proof = await proveDevice(view, uidOf(n))
    assert.ok(proof.length < PROOF_BYTES_MAX, String(proof.length))
    const { entries, uid } = checkProof(proof, { writers })
    assert.equal(uid, uidOf(n))
    assert.deepEqual(
      entries.map(({ content }) => content.kind),
      ['begun', 'made', 'locked'],
    )
  }
  await assert.rejects(proveDevice(view, 'ffffffff'), { code: 'LEDGER_DEVICE_UNKNOWN' })
})

test('a proof that was changed anywhere, or is signed by others, does not hold', async (t) => {
  const { view, close } = await viewLedger(await writtenLedger(t, 20))
  t.after(close)
  const proof = await proveDevice(view, uidOf(7))
  assert.throws(() => checkProof(proof, { writers: [stranger.publicKey] }), { code: 'PROOF_INVALID' })
  assert.throws(() => checkProof(proof, { writers, witnesses: [stranger.publicKey] }), { code: 'PROOF_INVALID' })
  const other = await proveDevice(view, uidOf(8))
  assert.throws(() => checkProof(other.replace(uidOf(8), uidOf(7)), { writers }), { code: 'PROOF_INVALID' })
  fc.assert(
    fc.property(fc.nat(proof.length - 2), fc.constantFrom('0', 'A', 'x', '"'), (at, character) => {
      if (proof[at] === character) return
      const changed = `${proof.slice(0, at)}${character}${proof.slice(at + 1)}`
      try {
        checkProof(changed, { writers })
      } catch (error) {
        assert.equal(Object(error).code, 'PROOF_INVALID')
        return
      }
      assert.fail(`taken with ${character} at ${at}`)
    }),
    { numRuns: 300 },
  )
})

test('arbitrary text is no proof and no checkpoint; nothing else is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      assert.throws(() => checkProof(text, { writers }), { code: 'PROOF_INVALID' })
      assert.throws(() => readCheckpoint(text), { code: 'CHECKPOINT_INVALID' })
    }),
  )
})

test('a device with a long life keeps its certificate and its latest entry in a proof that is small', async (t) => {
  const path = await writtenLedger(t, 3)
  const ledger = await Ledger.open(ledgerOptions(path))
  await ledger.record({ kind: 'shipped', order: 'order-1', uid: uidOf(1), to: 'Hydraulics Ltd' })
  for (let n = 0; n < 30; n += 1) {
    await ledger.record({ kind: 'owner-changed', order: 'order-1', uid: uidOf(1), to: `owner ${n}` })
  }
  const proof = await proveDevice(ledger, uidOf(1))
  await ledger.close()
  assert.ok(proof.length <= PROOF_BYTES_MAX)
  const { entries } = checkProof(proof, { writers })
  assert.ok(entries.some(({ content }) => content.kind === 'made'))
  const last = entries.at(-1)?.content
  assert.equal(last?.kind === 'owner-changed' && last.to, 'owner 29')
})

test('a checkpoint is witnessed, once it is what the last one grew into, and holds the ledger to it', async (t) => {
  const path = await writtenLedger(t, 10)
  const first = await witnessed(path)
  const ledger = await Ledger.open(ledgerOptions(path))
  await make(ledger, 'cccccccc')
  await ledger.close()
  const opened = await viewLedger(path)
  t.after(opened.close)
  const checkpoint = await checkpointOf(opened.view)
  const consistency = await proveConsistency(opened.view, first, checkpoint)
  const [writerKey = new Uint8Array()] = writers
  const second = await witnessCheckpoint({
    checkpoint,
    writerKey,
    previous: { checkpoint: first, consistency },
    witness,
  })
  assert.equal(formatCheckpoint(readCheckpoint(formatCheckpoint(second))), formatCheckpoint(second))

  const proof = await proveDevice(opened.view, 'cccccccc', second)
  assert.equal(checkProof(proof, { writers, witnesses: [witness.signer.publicKey] }).entries.length, 3)
  await assert.rejects(proveDevice(opened.view, 'cccccccc', first), { code: 'CHECKPOINT_INVALID' })

  const expected = { checkpoint: second, witnesses: [witness.signer.publicKey] }
  assert.equal((await verifyLedger(path, expected)).ok, true)
  const unfit = (context: RegExp): object => ({ code: 'CHECKPOINT_INVALID', message: context })
  const unseen = verifyLedger(path, { checkpoint: second, witnesses: [stranger.publicKey] })
  await assert.rejects(unseen, unfit(/did not sign it/))
  const unsigned = { checkpoint: { ...second, signatures: [] } }
  await assert.rejects(verifyLedger(path, unsigned), unfit(/no writer of this ledger signed it/))
  const elsewhere = { checkpoint: { ...second, ledger: '0'.repeat(32) } }
  await assert.rejects(verifyLedger(path, elsewhere), unfit(/of another ledger/))
  const [founder = new Uint8Array()] = writers
  assert.equal((await verifyLedger(path, { founder })).ok, true)
  await assert.rejects(verifyLedger(path, { founder: stranger.publicKey }), {
    code: 'LEDGER_FOUNDER_OTHER',
    context: { path, founder: keyIdOf(founder), given: keyIdOf(stranger.publicKey) },
  })

  const forged = { ...checkpoint, signatures: [] }
  const refused = { code: 'CHECKPOINT_INVALID' }
  await assert.rejects(witnessCheckpoint({ checkpoint: forged, writerKey, witness }), refused)
  const wrong = consistency.replace(/"path":\[.*\]/, '"path":[]')
  await assert.rejects(
    witnessCheckpoint({ checkpoint, writerKey, witness, previous: { checkpoint: first, consistency: wrong } }),
    refused,
  )
  const unwitnessed = { checkpoint: { ...first, signatures: [] }, consistency }
  await assert.rejects(witnessCheckpoint({ checkpoint, writerKey, witness, previous: unwitnessed }), refused)
})

test('a ledger that was written anew by the owner of its key does not fit the witnessed checkpoint', async (t) => {
  const path = await writtenLedger(t, 5)
  const checkpoint = await witnessed(path)
  const lines = (await readFile(path, 'utf8')).split('\n')
  const { record } = JSON.parse(lines[0] ?? '')
  await rm(path)
  await rm(`${path}.index`)
  const ledger = await Ledger.open({ ...ledgerOptions(path), entropy: { bytes: () => Buffer.from(record.id, 'hex') } })
  for (let n = 0; n < 6; n += 1) await make(ledger, uidOf(n + 50))
  await ledger.close()
  assert.equal((await verifyLedger(path)).ok, true)
  const verdict = await verifyLedger(path, { checkpoint })
  assert.ok(!verdict.ok && verdict.why.includes('checkpoint'))
})

test('another key writes once a writer let it in; its entries carry its signature', async (t) => {
  const path = await writtenLedger(t, 2)
  const shipping = { name: 'shipping', signer: stranger }
  await assert.rejects(Ledger.open({ ...ledgerOptions(path), writer: shipping }), { code: 'LEDGER_WRITER_UNKNOWN' })
  const ledger = await Ledger.open(ledgerOptions(path))
  await ledger.admitWriter({ name: 'shipping', publicKey: stranger.publicKey })
  await assert.rejects(ledger.admitWriter({ name: 'two words', publicKey: witness.signer.publicKey }), {
    code: 'LEDGER_WRITER_UNFIT',
  })
  await ledger.close()
  const shipped = await Ledger.open({ ...ledgerOptions(path), writer: shipping })
  await shipped.record({ kind: 'shipped', order: 'order-1', uid: uidOf(1), to: 'Hydraulics Ltd' })
  const proof = await proveDevice(shipped, uidOf(1))
  await shipped.close()
  assert.throws(() => checkProof(proof, { writers }), { code: 'PROOF_INVALID' })
  assert.equal(checkProof(proof, { writers: [...writers, stranger.publicKey] }).entries.length, 4)
  const verdict = await verifyLedger(path)
  assert.deepEqual(
    verdict.ok && verdict.writers.map(({ keyId }) => keyId),
    [...writers, stranger.publicKey].map(keyIdOf),
  )
  const p384 = await SoftwareSigner.generate('ecdsa-p384-sha384')
  const unfit = { ...ledgerOptions(path), writer: { name: 'other', signer: p384 } }
  await assert.rejects(Ledger.open(unfit), { code: 'LEDGER_WRITER_UNFIT' })
})

test('an index that is gone, of another ledger or no index at all is made again from the ledger', async (t) => {
  const path = await writtenLedger(t, 30)
  const other = await writtenLedger(t, 3)
  for (const spoil of [
    () => rm(`${path}.index`),
    () => writeFile(`${path}.index`, 'a shopping list'),
    async () => writeFile(`${path}.index`, await readFile(`${other}.index`)),
  ]) {
    await spoil()
    const viewed = await viewLedger(path)
    assert.equal(viewed.view.count('order-1').locked, 30)
    await viewed.close()
    const ledger = await Ledger.open(ledgerOptions(path))
    assert.equal(ledger.count('order-1').locked, 30)
    assert.equal(ledger.list({ after: uidOf(3), limit: 2 })[0]?.uid, uidOf(4))
    await ledger.close()
  }
})

test('a ledger is read while it is written, as far as it is signed', async (t) => {
  const path = await writtenLedger(t, 3)
  const ledger = await Ledger.open(ledgerOptions(path))
  t.after(() => ledger.close())
  await make(ledger, 'dddddddd')
  const { view, close } = await viewLedger(path)
  assert.equal(view.device('dddddddd')?.stage, 'locked')
  assert.deepEqual(
    view.list({ after: '', limit: 10, stage: 'locked' }).map(({ uid }) => uid),
    [uidOf(0), uidOf(1), uidOf(2), 'dddddddd'],
  )
  await make(ledger, 'eeeeeeee')
  assert.equal(view.device('eeeeeeee'), undefined)
  await close()
})

test('a ledger of the form before is read and left as it is', async (t) => {
  const path = join(await scratchFolder(t), 'ledger.jsonl')
  const { encodeChainLine, CHAIN_START } = await import('./chain-line.ts')
  const heading = encodeChainLine(CHAIN_START, Object(0), { kind: 'ledger', format: 'birthmark-ledger/1' })
  const record = { kind: 'scrapped', order: 'order-1', uid: 'aabbccdd', reason: 'ELEMENT_BROKEN' }
  const line = encodeChainLine({ seq: 1, previous: heading.hash }, Object(0), record)
  await writeFile(path, heading.text + line.text)
  const verdict = await verifyLedger(path)
  assert.deepEqual(verdict.ok && [verdict.format, verdict.entries], ['birthmark-ledger/1', 2])
  const stranger = await SoftwareSigner.generate('ecdsa-p256-sha256')
  await assert.rejects(verifyLedger(path, { founder: stranger.publicKey }), { code: 'LEDGER_UNSIGNED' })
  const other = await witnessed(await writtenLedger(t, 1))
  await assert.rejects(verifyLedger(path, { checkpoint: other }), { code: 'LEDGER_UNSIGNED' })
  await assert.rejects(Ledger.open(ledgerOptions(path)), { code: 'LEDGER_FORMAT_OLD' })
  await assert.rejects(viewLedger(path), { code: 'LEDGER_FORMAT_OLD' })
  assert.equal(await readFile(path, 'utf8'), heading.text + line.text)
  await appendFile(path, `${line.text}`)
  const damaged = await verifyLedger(path)
  assert.ok(!damaged.ok && damaged.line === 3)
})

async function witnessed(path: string): Promise<Checkpoint> {
  const { view, close } = await viewLedger(path)
  const checkpoint = await checkpointOf(view)
  await close()
  const [writerKey = new Uint8Array()] = writers
  return witnessCheckpoint({ checkpoint, writerKey, witness })
}

async function writtenLedger(t: TestContext, devices: number): Promise<string> {
  const path = join(await scratchFolder(t), 'ledger.jsonl')
  const ledger = await Ledger.open(ledgerOptions(path))
  await Promise.all(Array.from({ length: devices }, (_, n) => make(ledger, uidOf(n))))
  await ledger.close()
  return path
}

async function make(ledger: Ledger, uid: string): Promise<void> {
  const device = { order: 'order-1', uid, fingerprint: 'f0'.repeat(32) }
  await ledger.record({ kind: 'begun', order: 'order-1', uid, publicKey: new Uint8Array(91).fill(1) })
  await ledger.record({ kind: 'made', ...device, certificate: new Uint8Array(500).fill(2) })
  await ledger.record({ kind: 'locked', ...device })
}

function uidOf(n: number): string {
  return n.toString(16).padStart(8, '0')
}
