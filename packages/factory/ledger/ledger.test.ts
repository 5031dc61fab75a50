import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, Fault, instant } from '@birthmark/foundation/kernel'
import { ledgerOptions, STATION_SIGNER } from '../../../testing/testkit/ledger-options.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { type ChainFile, openChainFile } from './chain-file.ts'
import { Ledger, type LedgerOptions } from './ledger.ts'
import { DEVICE_STAGES, type LedgerRecord } from './records.ts'
import { verifyLedger } from './verify.ts'

const UIDS: readonly string[] = Array.from({ length: 6 }, (_, index) => `0000000${index}`)
const FINGERPRINT = 'f0'.repeat(32)
const clock: Clock = { now: () => instant(Date.UTC(2026, 0, 31)) }

test('a device is known by its last record, also after the ledger was opened again', async (t) => {
  const options = await newLedger(t)
  const first = await Ledger.open(options)
  await first.record(begun('aabbccdd'))
  await first.record(made('aabbccdd'))
  await first.record(begun('11223344'))
  await first.close()
  const again = await Ledger.open(options)
  assert.deepEqual(again.device('aabbccdd'), {
    uid: 'aabbccdd',
    order: 'order-1',
    stage: 'made',
    fingerprint: FINGERPRINT,
  })
  assert.equal(again.device('11223344')?.stage, 'begun')
  assert.equal(again.device('99999999'), undefined)
  assert.deepEqual(again.count('order-1'), {
    ...Object.fromEntries(DEVICE_STAGES.map((stage) => [stage, 0])),
    begun: 1,
    made: 1,
  })
  const kinds: string[] = []
  for await (const entry of again.entries()) kinds.push(`${entry.seq} ${entry.content.kind} ${entry.content.uid}`)
  assert.deepEqual(kinds, ['2 begun aabbccdd', '4 made aabbccdd', '6 begun 11223344'])
  await again.close()
})

const REFUSED_STEPS: readonly (readonly [why: string, before: readonly LedgerRecord[], record: LedgerRecord])[] = [
  ['made without a key', [], made('aabbccdd')],
  ['locked without a key', [], locked('aabbccdd')],
  ['a second key', [begun('aabbccdd')], begun('aabbccdd')],
  ['locked before it is made', [begun('aabbccdd')], locked('aabbccdd')],
  ['made twice', [begun('aabbccdd'), made('aabbccdd')], made('aabbccdd')],
  ['a key after the certificate', [begun('aabbccdd'), made('aabbccdd')], begun('aabbccdd')],
  ['another order', [begun('aabbccdd')], { ...made('aabbccdd'), order: 'order-2' }],
  ['after scrapping', [begun('aabbccdd'), scrapped('aabbccdd')], made('aabbccdd')],
]
for (const [why, before, record] of REFUSED_STEPS) {
  test(`a step is refused: ${why}`, async (t) => {
    const ledger = await Ledger.open(await newLedger(t))
    t.after(() => ledger.close())
    for (const earlier of before) await ledger.record(earlier)
    await assert.rejects(ledger.record(record), { code: 'LEDGER_STEP_REFUSED' })
    assert.equal(ledger.head.entries, 2 * before.length + 2)
  })
}

test('records that come together share a flush and keep the order of the calls', async (t) => {
  const options = await newLedger(t)
  const calls: string[] = []
  const ledger = await Ledger.open({ ...options, openFile: (path) => watched(path, calls) })
  calls.length = 0
  await Promise.all(UIDS.map((uid) => ledger.record(begun(uid))))
  assert.deepEqual(calls, ['append', 'flush'])
  const order: string[] = []
  for await (const { content } of ledger.entries()) order.push(content.uid)
  assert.deepEqual(order, UIDS)
  await ledger.close()
})

test('records that come later in the same turn of the event loop share the flush as well', async (t) => {
  const options = await newLedger(t)
  const calls: string[] = []
  const ledger = await Ledger.open({ ...options, openFile: (path) => watched(path, calls) })
  t.after(() => ledger.close())
  calls.length = 0
  const later = async (uid: string, turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
    await ledger.record(begun(uid))
  }
  await Promise.all(UIDS.map((uid, index) => later(uid, 10 * index)))
  assert.deepEqual(calls, ['append', 'flush'])
})

test('the stages of many devices: in the tables, not there yet, under way, and never begun', async (t) => {
  const options = await newLedger(t)
  const ledger = await Ledger.open(options)
  t.after(() => ledger.close())
  // More than are kept back for one transaction, and asked for before it as well as after it.
  const uids = Array.from({ length: 2_100 }, (_, index) => index.toString(16).padStart(8, '0'))
  assert.equal(ledger.stages(uids).size, 0)
  assert.equal(ledger.device(uids[0]!), undefined)
  await Promise.all(uids.map((uid) => ledger.record(begun(uid))))
  await ledger.record(made(uids[0]!))
  await ledger.record(made(uids.at(-1)!))
  const underWay = ledger.record(scrapped(uids[1]!))
  const asked = [uids[0]!, uids[1]!, uids[2]!, uids.at(-1)!, 'ffffffff']
  const stages = ledger.stages(asked)
  assert.deepEqual(
    asked.map((uid) => stages.get(uid)),
    ['made', 'scrapped', 'begun', 'made', undefined],
  )
  assert.deepEqual(
    asked.map((uid) => ledger.device(uid)?.stage),
    asked.map((uid) => stages.get(uid)),
  )
  assert.equal(ledger.stages(uids).size, uids.length)
  await underWay
})

test('a second opening is refused while the first lasts, here and in another process', async (t) => {
  const options = await newLedger(t)
  const ledger = await Ledger.open(options)
  assert.equal(openElsewhere(options.path), 'LEDGER_IN_USE')
  await assert.rejects(Ledger.open(options), { code: 'LEDGER_IN_USE', blame: 'operator' })
  assert.equal(openElsewhere(options.path), 'LEDGER_IN_USE', 'the refused opening has given the lock up')
  await ledger.close()
  assert.equal(openElsewhere(options.path), 'opened')
  await (await Ledger.open(options)).close()
})

test('after a failed write every record is refused; what was acknowledged is there after opening again', async (t) => {
  for (const failing of ['append', 'flush'] as const) {
    const options = await newLedger(t)
    let broken = false
    const ledger = await Ledger.open({
      ...options,
      openFile: async (path) => {
        const file = await openChainFile(path)
        const fail = (): Promise<void> =>
          Promise.reject(new Fault('DISK_FULL', { blame: 'operator', message: '', remedy: '' }))
        return {
          ...file,
          append: async (bytes) => {
            if (!broken || failing !== 'append') return file.append(bytes)
            await file.append(bytes.subarray(0, 30))
            return fail()
          },
          flush: () => (broken && failing === 'flush' ? fail() : file.flush()),
        }
      },
    })
    await ledger.record(begun('aabbccdd'))
    broken = true
    await assert.rejects(ledger.record(made('aabbccdd')), { code: 'DISK_FULL' })
    await assert.rejects(ledger.record(begun('11223344')), { code: 'LEDGER_FAILED' })
    await ledger.close()
    const again = await Ledger.open(options)
    assert.ok(again.device('aabbccdd'))
    await again.record(begun('11223344'))
    await again.close()
    assert.equal((await verifyLedger(options.path)).ok, true)
  }
})

test('a last batch cut short anywhere is removed at opening; the entries before it stay', async (t) => {
  const options = await newLedger(t)
  const whole = await writtenLedger(options)
  const lastSeal = whole.lastIndexOf('\n', whole.length - 2)
  const lastBatch = whole.lastIndexOf('\n', lastSeal - 1) + 1
  for (let size = lastBatch; size < whole.length; size += 29) {
    await writeFile(options.path, whole.slice(0, size))
    const verdict = await verifyLedger(options.path)
    assert.ok(verdict.ok && verdict.tornBytes === size - lastBatch)
    const ledger = await Ledger.open(options)
    assert.equal(ledger.device(UIDS[0]!)?.stage, 'made')
    await ledger.record(begun('ffffffff'))
    await ledger.close()
    assert.deepEqual(await verifyLedger(options.path).then(({ ok }) => ok), true)
  }
})

const DAMAGES: readonly (readonly [what: string, line: number, edit: (lines: string[]) => string[]])[] = [
  ['an edited line', 3, (lines) => lines.with(2, lines[2]!.replace('order-1', 'order-2'))],
  ['a blank added within a line', 3, (lines) => lines.with(2, lines[2]!.replace('{', '{ '))],
  ['a removed line', 3, (lines) => lines.toSpliced(2, 1)],
  ['the first line removed', 1, (lines) => lines.slice(1)],
  ['two lines exchanged', 3, (lines) => lines.toSpliced(2, 2, lines[3]!, lines[2]!)],
  ['a line repeated', 4, (lines) => lines.toSpliced(3, 0, lines[2]!)],
  ['an empty line', 3, (lines) => lines.toSpliced(2, 0, '')],
  ['a line cut short before the last', 3, (lines) => lines.with(2, lines[2]!.slice(0, -10))],
  ['a complete but edited last line', 12, (lines) => lines.with(11, lines[11]!.replace('sealed', 'Sealed'))],
  ['an edit with every hash computed anew', 3, (lines) => rehashed(lines.with(2, lines[2]!.replace('r-1', 'r-2')))],
  ['a removal with every hash computed anew', 3, (lines) => rehashed(lines.toSpliced(2, 1))],
  ['a signed batch removed, every hash computed anew', 5, (lines) => rehashed(lines.toSpliced(4, 2))],
  ['a line that never ends', 3, (lines) => lines.with(2, 'x'.repeat(70_000))],
  ['a line of another file', 3, (lines) => lines.with(2, 'a shopping list')],
]
for (const [what, line, edit] of DAMAGES) {
  test(`damage is found and named, and the file is not opened: ${what}`, async (t) => {
    const options = await newLedger(t)
    const whole = await writtenLedger(options)
    const damaged = `${edit(whole.trimEnd().split('\n')).join('\n')}\n`
    await writeFile(options.path, damaged)
    const verdict = await verifyLedger(options.path)
    assert.ok(!verdict.ok)
    assert.equal(verdict.line, line)
    await assert.rejects(Ledger.open(options), {
      code: 'LEDGER_DAMAGED',
      context: { path: options.path, line, why: verdict.why },
    })
    assert.equal(await readFile(options.path, 'utf8'), damaged)
  })
}

test('entries missing at the end, or another history, show against a head that was noted before', async (t) => {
  const options = await newLedger(t)
  const whole = await writtenLedger(options)
  const verdict = await verifyLedger(options.path)
  assert.ok(verdict.ok)
  const head = { head: { entries: verdict.entries, hash: verdict.hash } }
  assert.equal((await verifyLedger(options.path, head)).ok, true)
  await writeFile(options.path, `${whole.trimEnd().split('\n').slice(0, -2).join('\n')}\n`)
  assert.deepEqual(await verifyLedger(options.path, head), {
    ok: false,
    line: 11,
    why: 'it is missing: 12 entries were there before',
  })
  await writeFile(options.path, '')
  const other = await Ledger.open(options)
  for (const uid of UIDS) await other.record(begun(uid))
  await other.close()
  const replaced = await verifyLedger(options.path, head)
  assert.ok(!replaced.ok && replaced.line === 12)
})

test('an element number that the record would not hold is a bug of the caller, not a damaged file later', async (t) => {
  const options = await newLedger(t)
  const ledger = await Ledger.open(options)
  t.after(() => ledger.close())
  await assert.rejects(ledger.record(begun('not a uid')), { code: 'LEDGER_RECORD_INVALID' })
  assert.equal(ledger.head.entries, 2)
})

function begun(uid: string): LedgerRecord {
  return { kind: 'begun', order: 'order-1', uid, publicKey: Uint8Array.of(1, 2, 3) }
}
function made(uid: string): LedgerRecord {
  return { kind: 'made', order: 'order-1', uid, fingerprint: FINGERPRINT, certificate: Uint8Array.of(4, 5, 6) }
}
function locked(uid: string): LedgerRecord {
  return { kind: 'locked', order: 'order-1', uid, fingerprint: FINGERPRINT }
}
function scrapped(uid: string): LedgerRecord {
  return { kind: 'scrapped', order: 'order-1', uid, reason: 'ELEMENT_BROKEN' }
}

async function newLedger(t: TestContext): Promise<LedgerOptions> {
  return ledgerOptions(join(await scratchFolder(t), 'ledger.jsonl'), clock)
}

/** A ledger of twelve lines, every second one a seal: the heading, two devices made, one scrapped. */
async function writtenLedger(options: LedgerOptions): Promise<string> {
  const ledger = await Ledger.open(options)
  await ledger.record(begun(UIDS[0]!))
  await ledger.record(made(UIDS[0]!))
  await ledger.record(begun(UIDS[1]!))
  await ledger.record(scrapped(UIDS[2]!))
  await ledger.record(made(UIDS[1]!))
  await ledger.close()
  return readFile(options.path, 'utf8')
}

/** Gives lines the sequence numbers and hashes that somebody without the key would give them. */
function rehashed(lines: readonly string[]): string[] {
  let previous = '0'.repeat(64)
  return lines.map((line, seq) => {
    const changed = { ...JSON.parse(line), seq, previous }
    delete changed.hash
    const hashed = JSON.stringify(changed).slice(0, -1)
    previous = createHash('sha256').update(hashed).digest('hex')
    return `${hashed},"hash":"${previous}"}`
  })
}

async function watched(path: string, calls: string[]): Promise<ChainFile> {
  const file = await openChainFile(path)
  return {
    ...file,
    append: (bytes) => {
      calls.push('append')
      return file.append(bytes)
    },
    flush: () => {
      calls.push('flush')
      return file.flush()
    },
  }
}

/** Opens a ledger in a process of its own. @returns `opened`, or the code of the fault. */
function openElsewhere(path: string): string {
  const program = `
    import { SoftwareSigner } from '@birthmark/foundation/x509'
    import { Ledger } from ${JSON.stringify(import.meta.resolve('./ledger.ts'))}
    import { ledgerOptions } from ${JSON.stringify(import.meta.resolve('../../../testing/testkit/ledger-options.ts'))}
    const options = ledgerOptions(${JSON.stringify(path)})
    options.writer.signer = SoftwareSigner.fromEncryptedPem(${JSON.stringify(STATION_SIGNER.toEncryptedPem('x'))}, 'x')
    console.log(await Ledger.open(options).then(() => 'opened', (error) => error.code))`
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }).stdout.trim()
}
