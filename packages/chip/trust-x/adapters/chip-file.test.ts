import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Fault, isFault, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { certificateNumber } from '../../../../testing/testkit/write-chip-until-killed.ts'
import { ChipFile } from './chip-file.ts'
import { freshMemory, openVirtualChip, TrustX } from './index.ts'
import { decodeMemory, encodeMemory } from './memory-text.ts'

const DER = Uint8Array.of(0x30, 0x03, 0x01, 0x02, 0x03)

test('a chip in a file is the same after its process is gone', async (context) => {
  const file = join(await scratchFolder(context), 'chip')
  const first = await openVirtualChip({ file })
  const element = await TrustX.open(first)
  const publicKey = await element.generateKey('0xE0F1')
  await element.writeCertificate('0xE0E1', DER)
  await element.lock('0xE0F1')
  await element.close()
  const second = await openVirtualChip({ file })
  assert.equal(second.uid, first.uid)
  assert.deepEqual(second.memory, first.memory)
  const again = await TrustX.open(second)
  context.after(() => again.close())
  assert.deepEqual(await again.readCertificate('0xE0E1'), DER)
  assert.equal(await again.isLocked('0xE0F1'), true)
  assert.equal((await again.signDigest('0xE0F1', new Uint8Array(32)))[0], 0x30)
  assert.equal(publicKey.length, 91)
})

test('the file belongs to its owner alone, and nothing is left beside it', async (context) => {
  const folder = await scratchFolder(context)
  const file = join(folder, 'chip')
  const chip = await openVirtualChip({ file })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  await chip.close()
  assert.equal(existsSync(`${file}.lock`), false)
  assert.equal(existsSync(`${file}.new`), false)
})

test('security events are kept when the chip is closed', async (context) => {
  const file = join(await scratchFolder(context), 'chip')
  const element = await TrustX.open(await openVirtualChip({ file }))
  for (let count = 0; count < 3; count++) await element.authenticate(0xe0f0, new Uint8Array(8))
  await element.close()
  const again = await TrustX.open(await openVirtualChip({ file }))
  context.after(() => again.close())
  assert.deepEqual(await again.getDataObject(0xe0c5), Uint8Array.of(3))
})

test('a memory survives its encoding', () => {
  const memory = freshMemory()
  assert.deepEqual(decodeMemory(encodeMemory(memory), 'chip'), memory)
})

/** Rows: the code it must give, what is wrong, how the file's text changes. */
const DAMAGES: readonly (readonly [code: string, why: string, damage: (text: string) => string])[] = [
  ['CHIP_FILE_NOT_A_CHIP', 'nothing in it', () => ''],
  ['CHIP_FILE_NOT_A_CHIP', 'something else', () => '-----BEGIN CERTIFICATE-----\n'],
  ['CHIP_FILE_DAMAGED', 'a first line without end', (text) => text.replace('\n', ' ')],
  ['CHIP_FILE_VERSION_UNKNOWN', 'a later version', (text) => text.replace(' 1 ', ' 2 ')],
  ['CHIP_FILE_VERSION_UNKNOWN', 'a version that is none', (text) => text.replace(' 1 ', ' \u001b[31m ')],
  ['CHIP_FILE_DAMAGED', 'half of it missing', (text) => text.slice(0, text.length / 2)],
  ['CHIP_FILE_DAMAGED', 'one digit changed', (text) => text.replace(/"uid":"cd/, '"uid":"ce')],
  ['CHIP_FILE_DAMAGED', 'no checksum', (text) => text.replace(/ [0-9a-f]{64}/, '')],
  ['CHIP_FILE_DAMAGED', 'something behind the end', (text) => `${text}\n`],
  ['CHIP_FILE_DAMAGED', 'a UID of the wrong length', (text) => resealed(text, /"uid":"cd/, '"uid":"')],
  ['CHIP_FILE_DAMAGED', 'no secret', (text) => resealed(text, /"secret":"[0-9a-f]*",/, '')],
  [
    'CHIP_FILE_DAMAGED',
    'an object that does not exist',
    (text) => resealed(text, /"objects":{/, '"objects":{"ffff":{"content":""},'),
  ],
  ['CHIP_FILE_DAMAGED', 'a lifecycle that does not exist', (text) => resealed(text, /"lifecycle":7/, '"lifecycle":8')],
  [
    'CHIP_FILE_DAMAGED',
    'a condition that does not exist',
    (text) => resealed(text, /"change":"[0-9a-f]*"/, '"change":"77"'),
  ],
  ['CHIP_FILE_DAMAGED', 'a list in place of objects', (text) => resealed(text, /"objects":.*}}}/, '"objects":[]}')],
]

for (const [code, why, damage] of DAMAGES) {
  test(`a file with ${why} is ${code} and stays untouched`, async (context) => {
    const file = join(await scratchFolder(context), 'chip')
    await (await openVirtualChip({ file })).close()
    const text = damage(readFileSync(file, 'utf8'))
    writeFileSync(file, text)
    await assert.rejects(openVirtualChip({ file }), (error) => isFault(error, code))
    assert.equal(readFileSync(file, 'utf8'), text)
    assert.equal(existsSync(`${file}.lock`), false)
  })
}

test('arbitrary text is a memory or a declared fault; nothing else', () => {
  const sound = encodeMemory(freshMemory())
  const body = sound.slice(sound.indexOf('\n') + 1)
  const mutated = fc
    .tuple(fc.nat({ max: body.length - 1 }), fc.string({ maxLength: 3 }))
    .map(([at, text]) => sealed(body.slice(0, at) + text + body.slice(at + 1)))
  const json = fc.json().map((text) => sealed(text))
  fc.assert(
    fc.property(fc.oneof(fc.string(), mutated, json), (text) => {
      try {
        assert.equal(decodeMemory(text, 'chip').uid.length, 27)
      } catch (error) {
        assert.ok(isFault(error) && error.code.startsWith('CHIP_FILE_'), String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('a second owner is refused, in this process and in another', async (context) => {
  const file = join(await scratchFolder(context), 'chip')
  const chip = await openVirtualChip({ file })
  await assert.rejects(openVirtualChip({ file }), (error) => {
    assert.ok(isFault(error, 'CHIP_FILE_IN_USE'))
    assert.equal(error.context['pid'], process.pid)
    return true
  })
  await chip.close()
  const child = fork(PROGRAM, [file], { stdio: 'ignore' })
  try {
    await once(child, 'message')
    await assert.rejects(openVirtualChip({ file }), (error) => isFault(error) && error.context['pid'] === child.pid)
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

/** Locks of processes that are gone, or that never were. */
const STALE: readonly (readonly [why: string, content: () => Promise<string>])[] = [
  ['of a process that is dead', async () => `${await deadPid()} 1 1\n`],
  ['of a process whose number another one has now', async () => `${process.pid} 1 1\n`],
  ['that was never finished', async () => ''],
  ['that makes no sense', async () => 'hello\n'],
]

for (const [why, content] of STALE) {
  test(`a lock ${why} is taken over`, async (context) => {
    const folder = await scratchFolder(context)
    const file = join(folder, 'chip')
    writeFileSync(`${file}.lock`, await content())
    const chip = await openVirtualChip({ file })
    await assert.rejects(openVirtualChip({ file }), (error) => isFault(error, 'CHIP_FILE_IN_USE'))
    await chip.close()
  })
}

test('a chip whose lock was taken away writes nothing, and its host hears of it', async (context) => {
  const file = join(await scratchFolder(context), 'chip')
  const heard: Fault[] = []
  const element = await TrustX.open(await openVirtualChip({ file, onFault: (fault) => heard.push(fault) }))
  context.after(() => element.close())
  const before = readFileSync(file, 'utf8')
  writeFileSync(`${file}.lock`, '1 1 1\n')
  await assert.rejects(element.writeCertificate('0xE0E1', DER), (error) => isFault(error, 'TRUST_X_INTERNAL'))
  assert.deepEqual(
    heard.map(({ code }) => code),
    ['CHIP_FILE_LOCK_LOST'],
  )
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('a disk that takes no more fails the command and leaves the old memory', async (context) => {
  const folder = await scratchFolder(context)
  const file = join(folder, 'chip')
  const heard: Fault[] = []
  const element = await TrustX.open(await openVirtualChip({ file, onFault: (fault) => heard.push(fault) }))
  context.after(() => element.close())
  await element.writeCertificate('0xE0E1', DER)
  // Something that cannot be replaced stands where the draft goes.
  mkdirSync(`${file}.new`)
  await assert.rejects(element.writeCertificate('0xE0E1', Uint8Array.of(0x30, 0)), (error) =>
    isFault(error, 'TRUST_X_INTERNAL'),
  )
  assert.equal(heard.length, 1)
  assert.deepEqual(await element.readCertificate('0xE0E1'), DER)
})

test('a process killed while it writes leaves a whole certificate, the last or the one before', async (context) => {
  const file = join(await scratchFolder(context), 'chip')
  for (let round = 0; round < KILLS; round++) {
    const child = fork(PROGRAM, [file], { stdio: 'ignore' })
    let written = 0
    child.on('message', (number) => {
      written = Number(number)
      // Somewhere in the next write: the message is read while the program goes on.
      if (written > 2 * round) child.kill('SIGKILL')
    })
    await once(child, 'exit')
    const chip = await openVirtualChip({ file })
    const element = await TrustX.open(chip)
    const certificate = toHex((await element.readCertificate('0xE0E1')) ?? new Uint8Array())
    await element.close()
    const number = Number.parseInt(certificate.slice(2, 4), 16)
    assert.equal(certificate, toHex(certificateNumber(number)))
    assert.ok(number >= written, `certificate ${written} was acknowledged, ${number} is there`)
  }
})

const KILLS = 5
const PROGRAM = new URL('../../../../testing/testkit/write-chip-until-killed.ts', import.meta.url)

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  return child.pid ?? 0
}

function sealed(body: string): string {
  return `birthmark-trust-x 1 ${createHash('sha256').update(body).digest('hex')}\n${body}`
}

/** Changes the body of a file and makes the checksum right again. */
function resealed(text: string, what: RegExp, replacement: string): string {
  const body = text.slice(text.indexOf('\n') + 1)
  assert.match(body, what)
  return sealed(body.replace(what, replacement))
}

test('ChipFile says what was there before anything is written', async (context) => {
  const file = ChipFile.open(join(await scratchFolder(context), 'chip'))
  assert.equal(file.memory, undefined)
  file.close()
})
