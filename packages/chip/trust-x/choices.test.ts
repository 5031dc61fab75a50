import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant, toHex } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { ChipBench, command, field } from '../../../testing/testkit/chip-bench.ts'
import { freshMemory, makeVendor, nodeCrypto, openVirtualChip } from './adapters/index.ts'
import { type ChipChoices, DEFAULT_CHOICES } from './choices.ts'
import { TrustXDevice } from './device.ts'
import { CHIP_ERROR } from './errors.ts'
import { wrapIdentity } from './identity.ts'

/** A chip that decides as `choices` say, and otherwise by default. */
function chipWith(choices: Partial<ChipChoices>): ChipBench {
  const all = { ...DEFAULT_CHOICES, ...choices }
  return ChipBench.open(freshMemory(nodeCrypto, all), nodeCrypto, all)
}

/** Rows: the choice, what is sent, what the default answers, what the other choice answers. */
const CHOSEN: readonly (readonly [
  choice: Partial<ChipChoices>,
  sent: readonly string[],
  byDefault: string,
  otherwise: string,
])[] = [
  [{ frozenError: CHIP_ERROR.INVALID_FIELD }, ['02 01 0009 E0C2 0000 20 03 D0 01 00'], 'error 07', 'error 05'],
  [{ keyContentError: CHIP_ERROR.INVALID_OID }, ['01 00 0002 E0F1'], 'error 07', 'error 01'],
  [{ keysShowRead: true }, ['01 01 0002 E0F1'], '200bc00101d003e1fc07d30100', '200ec00101d003e1fc07d101ffd30100'],
  [
    { freshUsedSize: 'maximum' },
    ['01 01 0002 F1D0'],
    '2011c00101c40164c50100d003e1fc07d10100',
    '2011c00101c40164c50164d003e1fc07d10100',
  ],
  [{ frozenError: CHIP_ERROR.INVALID_FIELD }, ['02 00 0005 E0C0 0000 03'], 'error 07', 'error 05'],
  [{ gap: 'refused' }, ['02 00 0005 F1D0 0005 00', '01 00 0002 F1D0'], '000000000000', 'error 08'],
  [
    { sessionBytesMax: 64 },
    [
      command('02 40', 'F1D0 0000', '11'.repeat(16)),
      command('02 01', 'F1D0 0000', '20 03 D3 01 00'),
      command('34 01', field('01', 'F1D0'), field('02', '00'.repeat(8)), field('03', '0040'), field('08', 'E100')),
    ],
    'error 05',
    '',
  ],
  [{ delivered: 'operational' }, ['02 00 0005 E0E8 0000 30'], '', 'error 07'],
]

for (const [choice, sent, byDefault, otherwise] of CHOSEN) {
  test(`a chip with ${JSON.stringify(choice)} differs from one by default in just that`, () => {
    assert.equal(outcome(chipWith({}), sent), byDefault)
    assert.equal(outcome(chipWith(choice), sent), otherwise)
  })
}

test('a certificate that is wrapped as a TLS identity verifies by default, and may not', async () => {
  const { certificate } = await makeVendor(systemClock, systemEntropy)
  const write = command('02 40', 'E0E1 0000', toHex(wrapIdentity(certificate.der)))
  const verify = command('32 11', field('01', '11'.repeat(32)), field('02', '020101020101'), field('04', 'E0E1'))
  assert.equal(outcome(chipWith({}), [write, verify]), 'error 2c')
  assert.equal(outcome(chipWith({ identityVerifies: false }), [write, verify]), 'error 29')
})

test('a certificate with an attribute that the silicon cannot parse verifies only where that was chosen', async () => {
  const { certificate } = await makeVendor(systemClock, systemEntropy)
  const odd = toHex(certificate.der).replace('0603550403', '06032a0403')
  const write = command('02 40', 'E0E1 0000', odd)
  const verify = command('32 11', field('01', '11'.repeat(32)), field('02', '020101020101'), field('04', 'E0E1'))
  assert.equal(outcome(chipWith({}), [write, verify]), 'error 29')
  assert.equal(outcome(chipWith({ parsesAllNames: true }), [write, verify]), 'error 2c')
})

test('security events earn the credit that was chosen', () => {
  const events = (choices: Partial<ChipChoices>): string => {
    const chip = chipWith(choices)
    chip.ok('38 03 0009 01 0002 E0F1 02 0001 10')
    chip.time.pass(60_000)
    const sign = command('31 11', field('01', '11'.repeat(32)), field('03', 'E0F1'))
    for (let count = 0; count < 6; count++) chip.ok(sign)
    return chip.ok('01 00 0002 E0C5')
  }
  assert.equal(events({}), '01')
  assert.equal(events({ securityCreditMax: 0 }), '06')
  assert.equal(events({ securityEventsPerUse: 2 }), '07')
  assert.equal(events({ securityEventsPerUse: 0 }), '00')
})

test('the timing registers read what was chosen', () => {
  const choices = { ...DEFAULT_CHOICES, guardTime: 50, transTimeout: 10 }
  const device = new TrustXDevice(freshMemory(), { crypto: nodeCrypto, keep: () => true, choices }, instant(0))
  device.powerUp(instant(0))
  for (const [register, value] of [
    [0x85, '00000032'],
    [0x86, '0000000a'],
  ] as const) {
    device.write(Uint8Array.of(register), instant(0))
    assert.equal(toHex(device.read(4, instant(0))!), value)
  }
})

test('a virtual chip takes its choices', async () => {
  const chip = await openVirtualChip({ choices: { delivered: 'operational' } })
  assert.equal(chip.memory.objects.get(0xe0e8)?.lifecycle, 7)
  await chip.close()
})

/** What the last of several commands answers: OutData, or its error. */
function outcome(chip: ChipBench, commands: readonly string[]): string {
  let last = ''
  for (const each of commands) {
    last = chip.send(each)
    if (last.startsWith('ff')) return `error ${chip.lastError()}`
  }
  return last.slice(8)
}
