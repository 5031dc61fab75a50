import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, toHex } from '@birthmark/foundation/kernel'
import { ChipBench, command, OPEN } from '../../../testing/testkit/chip-bench.ts'
import { blankMemory } from './memory.ts'

const EXAMPLE_UID = 'cd16336b01001c000100000a085255000a005c0046801010711118'

test('the coprocessor UID is read as the data sheet shows it', () => {
  const chip = ChipBench.open(blankMemory(fromHex(EXAMPLE_UID), new Uint8Array(16)))
  assert.equal(chip.send('01 00 0006 E0C2 0000 0064'), `0000001b${EXAMPLE_UID}`)
  assert.equal(chip.ok('01 00 0002 E0C2'), EXAMPLE_UID)
})

const FRESH: readonly (readonly [oid: string, content: string, what: string])[] = [
  ['E0C0', '07', 'the global lifecycle'],
  ['E0C1', '00', 'the global security status'],
  ['E0C3', '14', 'the sleep delay'],
  ['E0C4', '06', 'the current limit'],
  ['E0C5', '00', 'the security event counter'],
  ['E0C6', '0615', 'the largest command'],
  ['E0E1', '', 'a certificate slot'],
  ['E0E8', '', 'a trust anchor'],
  ['F1C0', '01', 'the application lifecycle'],
  ['F1C1', '00', 'the application security status'],
  ['F1C2', '00', 'the last error code'],
  ['F1D0', '', 'data of type 1'],
  ['F1DF', '', 'the last data of type 1'],
  ['F1E1', '', 'data of type 2'],
]

for (const [oid, content, what] of FRESH) {
  test(`${what} ${oid} of a fresh chip reads '${content}'`, () => {
    assert.equal(ChipBench.open().ok(`01 00 0002 ${oid}`), content)
  })
}

test('five bytes at offset ten with erase make fifteen, ten of them zero', () => {
  const chip = ChipBench.open()
  chip.ok('02 00 0008 F1D0 0000 FFFFFFFF')
  chip.ok('02 40 0009 F1D0 000A 0102030405')
  assert.equal(chip.ok('01 00 0002 F1D0'), '000000000000000000000102030405')
})

test('a write without erase keeps what is around it, and fills a gap with zeros', () => {
  const chip = ChipBench.open()
  chip.ok('02 00 0008 F1D0 0000 01020304')
  chip.ok('02 00 0005 F1D0 0001 FF')
  assert.equal(chip.ok('01 00 0002 F1D0'), '01ff0304')
  chip.ok('02 00 0005 F1D0 0006 AA')
  assert.equal(chip.ok('01 00 0002 F1D0'), '01ff03040000aa')
})

test('a read is cut at the used size; one that starts there is refused', () => {
  const chip = ChipBench.open()
  chip.ok('02 00 0008 F1D0 0000 01020304')
  assert.equal(chip.ok('01 00 0006 F1D0 0002 0064'), '0304')
  assert.equal(chip.ok('01 00 0006 F1D0 0000 0000'), '')
  assert.equal(chip.refused('01 00 0006 F1D0 0004 0001'), '08')
})

test('an object of 1728 bytes is written and read in two pieces', () => {
  const chip = ChipBench.open()
  chip.ok(command('02 40', 'E0E1 0000', '11'.repeat(1549)))
  chip.ok(command('02 00', 'E0E1 060D', '22'.repeat(179)))
  assert.equal(chip.ok('01 00 0006 E0E1 0000 0611').length, 2 * 1553)
  assert.equal(chip.ok('01 00 0006 E0E1 0611 0611'), '22'.repeat(175))
  assert.equal(chip.refused('01 00 0006 E0E1 06C0 0611'), '08')
  assert.equal(chip.refused('01 00 0002 E0E1'), '0d')
})

test('lifecycles of chip and application only go up, and security status bits can only be cleared', () => {
  const chip = ChipBench.open()
  chip.ok('02 00 0005 F1C0 0000 03')
  chip.ok('02 00 0005 F1C0 0000 07')
  assert.equal(chip.refused('02 00 0005 F1C0 0000 03'), '07')
  assert.equal(chip.refused('02 00 0005 F1C0 0000 0F'), '07')
  assert.equal(chip.refused('02 00 0005 E0C0 0000 03'), '07')
  chip.ok('02 00 0005 F1C1 0000 FF')
  assert.equal(chip.ok('01 00 0002 F1C1'), '00')
})

test('a terminated chip answers nothing any more', () => {
  const chip = ChipBench.open()
  chip.ok('02 00 0005 E0C0 0000 0F')
  assert.equal(chip.send('01 00 0002 E0C2'), 'ff000000')
  assert.equal(chip.send(OPEN), 'ff000000')
})

test('before OpenApplication everything is refused; reading the error code too', () => {
  const chip = new ChipBench()
  for (const each of ['01 00 0002 E0C2', '01 00 0002 F1C2', '0C 00 0002 0010', '7F 00 0000']) {
    assert.equal(chip.send(each), 'ff000000')
  }
  chip.ok(OPEN.replace('F0', '70'))
  assert.equal(chip.lastError(), '0c')
})

test('OpenApplication may be repeated and starts with a clean context', () => {
  const chip = ChipBench.open()
  chip.ok('30 E2 0003 00 0000')
  chip.ok('38 03 0009 01 0002 E100 02 0001 10')
  chip.ok(OPEN)
  assert.equal(chip.refused('30 E2 0003 03 0000'), '0b')
  assert.equal(chip.refused(command('31 11', '01 0020', '11'.repeat(32), '03 0002 E100')), '24')
})

test('the last error is the highest since it was read; reading clears it, bit 7 too, other commands do not', () => {
  const chip = ChipBench.open()
  chip.send('01 00 0002 FFFF')
  chip.send('7F 00 0000')
  chip.send('01 00 0002 FFFF')
  chip.ok('01 00 0002 E0C6')
  assert.equal(chip.lastError(), '0a')
  assert.equal(chip.lastError(), '00')
  chip.send('01 00 0002 FFFF')
  chip.ok('81 00 0002 E0C6')
  assert.equal(chip.lastError(), '00')
})

/** Rows: the command, the error code, why. */
const REFUSED: readonly (readonly [command: string, error: string, why: string])[] = [
  ['', '04', 'nothing'],
  ['01', '04', 'less than a header'],
  ['01 00 00', '04', 'half a length'],
  ['01 00 0003 E0C2', '04', 'less data than InLen says'],
  ['01 00 0001 E0C2', '04', 'more data than InLen says'],
  [`02 00 0612 F1E0 0000${'00'.repeat(0x60e)}`, '04', 'InData longer than 1553 bytes'],
  ['00 00 0000', '0a', 'no such command'],
  ['03 00 0000', '0a', 'SetObjectProtected, which Trust M has'],
  ['71 00 0000', '0a', 'CloseApplication, which Trust M has'],
  ['1A 01 0002 E100', '0a', 'the DTLS client, going out'],
  ['1B 03 0002 E100', '0a', 'the DTLS client, coming in'],
  ['70 01 0010 D2760000 0447656E41757468 4170706C', '03', 'restoring a context, which Trust M does'],
  ['70 00 000F D2760000 0447656E41757468 417070', '04', 'a short application identifier'],
  ['70 00 0010 D2760000 0447656E41757468 4170706D', '05', 'another application'],
  ['01 02 0002 E0C2', '03', 'no such way to read'],
  ['01 00 0002 E0E4', '01', 'an object that does not exist'],
  ['01 01 0002 E0E4', '01', 'metadata of an object that does not exist'],
  ['01 00 0002 E0E9', '01', 'a trust anchor of Trust M'],
  ['01 00 0001 E0', '04', 'half an identifier'],
  ['01 00 0004 E0C2 0000', '04', 'an offset without a length'],
  ['01 01 0006 E0C2 0000 0010', '04', 'a part of metadata'],
  ['01 00 0002 E0F1', '07', 'the content of a key'],
  ['01 00 0002 E100', '07', 'the content of a session'],
  ['01 00 0006 F1D0 0001 0001', '08', 'behind an empty object'],
  ['02 03 0005 F1D0 0000 00', '03', 'no such way to write'],
  ['02 02 0005 F1D0 0000 00', '03', 'counting, which Trust M does'],
  ['02 00 0003 F1D0 00', '04', 'half an offset'],
  ['02 00 0005 FFFF 0000 00', '01', 'an object that does not exist'],
  ['02 00 0005 E0F1 0000 00', '07', 'a key from outside'],
  ['02 00 0005 E0E0 0000 00', '07', 'the vendor’s certificate'],
  ['02 00 0005 E0C2 0000 00', '07', 'the UID'],
  ['02 00 0005 E0C5 0000 00', '07', 'the security event counter'],
  ['02 00 0005 F1C2 0000 00', '07', 'the last error code'],
  ['02 00 0005 E100 0000 00', '07', 'a session'],
  [command('02 00', 'F1D0 0000', '00'.repeat(101)), '08', 'more than an object holds'],
  ['02 00 0005 F1D0 0064 00', '08', 'behind the end of an object'],
  ['02 40 0005 F1D0 FFFF 00', '08', 'far behind the end of an object'],
  ['02 00 0006 E0C3 0000 2020', '08', 'two bytes where one is'],
  ['02 00 0004 E0C3 0000', '04', 'no bytes where one is'],
  ['02 00 0005 E0C3 0000 13', '05', 'a sleep delay below 20 ms'],
  ['02 00 0005 E0C4 0000 05', '05', 'a current limit below 6 mA'],
  ['02 00 0005 E0C4 0000 10', '05', 'a current limit above 15 mA'],
  ['02 00 0005 E0C0 0000 02', '05', 'a lifecycle that does not exist'],
  ['02 01 0009 F1D0 0001 20 03 D0 01 FF', '05', 'metadata at an offset'],
  ['0C 02 0002 0010', '03', 'no such generator'],
  ['0C 00 0001 10', '04', 'half a length'],
  ['0C 00 0002 0007', '05', 'seven random bytes'],
  ['0C 00 0002 0101', '05', '257 random bytes'],
]

for (const [sent, error, why] of REFUSED) {
  test(`${sent.slice(0, 40)} is refused with ${error}: ${why}`, () => {
    assert.equal(ChipBench.open().refused(sent), error)
  })
}

test('a locked object is read but not changed, whatever its conditions were meant to be', () => {
  const chip = ChipBench.open()
  chip.ok('02 40 0005 E0E1 0000 30')
  chip.ok('02 01 0009 E0E1 0000 20 03 C0 01 07')
  assert.equal(chip.refused('02 40 0005 E0E1 0000 31'), '07')
  assert.equal(chip.ok('01 00 0002 E0E1'), '30')
})

test('a condition may hang on the lifecycle of the application', () => {
  const chip = ChipBench.open()
  chip.ok(command('02 01', 'F1D0 0000', '20 05 D0 03 E0 FC 07'))
  chip.ok('02 00 0005 F1D0 0000 11')
  chip.ok('02 00 0005 F1C0 0000 07')
  assert.equal(chip.refused('02 00 0005 F1D0 0000 22'), '07')
})

test('random bytes have the length that was asked for and differ', () => {
  const chip = ChipBench.open()
  for (const param of ['00', '01']) {
    const [one, other] = [chip.ok(`0C ${param} 0002 0100`), chip.ok(`0C ${param} 0002 0100`)]
    assert.equal(one.length, 512)
    assert.notEqual(one, other)
  }
  assert.equal(chip.ok('0C 00 0002 0008').length, 16)
})

test('what could not be kept did not happen, and the host hears of an internal error', () => {
  const chip = ChipBench.open()
  chip.machine.execute(fromHex('02 40 0005 E0E1 0000 30'), chip.time.now())
  assert.equal(toHex(chip.machine.undo()), 'ff000000')
  assert.equal(chip.lastError(), '06')
  assert.equal(chip.ok('01 00 0002 E0E1'), '')
})
