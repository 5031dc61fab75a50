import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, fromHex, isFault, millis, toHex } from '@birthmark/foundation/kernel'
import { SkippingTime } from '../../../testing/testkit/skipping-time.ts'
import type { I2cBus } from './bus.ts'
import { type ControlFrame, type DataFrame, encodeFrame } from './frame.ts'
import { HostLink, type LinkSettings } from './host-link.ts'
import { performSteps, type Steps } from './steps.ts'

/**
 * A chip that says what a script lets it say: each entry is what one look at I2C_STATE finds, a frame or nothing, and
 * when the script is over, nothing for ever. The frames that the host writes are kept, in hex.
 */
class Script implements I2cBus {
  readonly time = new SkippingTime()
  readonly heard: string[] = []
  readonly clocks: number[] = []
  readonly registers = new Map<number, string>([
    [0x81, '0115'],
    [0x84, '00000190'],
  ])
  #script: (string | undefined)[] = []
  #selected = 0
  #waiting: string | undefined

  say(...script: (DataFrame | ControlFrame | string | undefined)[]): void {
    const hex = (entry: (typeof script)[number]) => (typeof entry === 'object' ? toHex(encodeFrame(entry)) : entry)
    this.#script = script.map(hex)
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#selected = bytes[0] ?? 0
    if (bytes.length === 1) return
    const content = toHex(bytes.subarray(1))
    if (this.#selected === 0x80) this.heard.push(content)
    else if (this.#selected === 0x89) {
      this.heard.push(`mode ${content}`)
      this.registers.set(0x84, content === '8004' ? '000003e8' : '00000190')
    }
  }

  async read(count: number): Promise<Uint8Array> {
    const register = this.registers.get(this.#selected)
    if (register !== undefined) return fromHex(register)
    if (this.#selected === 0x80) return fromHex(this.#waiting ?? 'ff'.repeat(count))
    // A chip that heard a re-sync has nothing to do and nothing to say.
    if (this.heard.at(-1) === RESYNC) return fromHex('08000000')
    this.#waiting = this.#script.shift()
    const length = (this.#waiting?.length ?? 0) / 2
    return fromHex(length === 0 ? '88000000' : `4800${length.toString(16).padStart(4, '0')}`)
  }

  async setClock(kHz: number): Promise<void> {
    this.clocks.push(kHz)
  }

  async close(): Promise<void> {}
}

/** Opens a link whose counters stand at the beginning, in frames of 16 bytes or as `settings` say. */
async function opened(settings: LinkSettings = {}): Promise<{ script: Script; link: HostLink }> {
  const script = new Script()
  const link = new HostLink()
  await perform(script, link.open(settings))
  script.heard.length = 0
  return { script, link }
}

function perform<Result>(script: Script, steps: Steps<Result>): Promise<Result> {
  return performSteps(steps, script, { clock: script.time, timers: script.time })
}

const ack = (number: number): ControlFrame => ({ kind: 'ack', number })
const nak = (number: number): ControlFrame => ({ kind: 'nak', number })
const data = (number: number, acknowledges: number, packet: string): DataFrame => {
  return { kind: 'data', number, acknowledges, refuses: false, packet: fromHex(packet) }
}
const hexOf = (frame: DataFrame | ControlFrame): string => toHex(encodeFrame(frame))

const COMMAND = fromHex('AA')
const RESYNC = hexOf({ kind: 'resync' })
const SENT = hexOf({ ...data(0, 3, '00 AA') })
const ANSWER = data(0, 0, '00 BB')

/** Rows: what the host must do, what the chip says, what the host says to it after its command, in order. */
const TALKS: readonly (readonly [
  duty: string,
  chip: readonly (DataFrame | ControlFrame | string | undefined)[],
  host: readonly string[],
])[] = [
  ['acknowledges every data frame with a control frame', [ANSWER], [hexOf(ack(0))]],
  ['takes a separate acknowledgement, then the response', [ack(0), undefined, ANSWER], [hexOf(ack(0))]],
  ['sends the frame again for a NAK', [nak(0), ANSWER], [SENT, hexOf(ack(0))]],
  ['sends the frame again when nothing can be read for 10 ms', [...silence(11), ANSWER], [SENT, hexOf(ack(0))]],
  [
    'sends the frame again when the chip acknowledges the one before',
    [ack(3), ...silence(11), ANSWER],
    [SENT, hexOf(ack(0))],
  ],
  [
    'asks at once for a damaged response again',
    [ack(0), damaged(hexOf(ANSWER)), ANSWER],
    [hexOf(nak(0)), hexOf(ack(0))],
  ],
  [
    'asks at once for a damaged acknowledgement again',
    [damaged(hexOf(ack(0))), ANSWER],
    [hexOf(nak(0)), hexOf(ack(0))],
  ],
  [
    'asks again for a frame whose LEN is wrong',
    [ack(0), sealed('00 0003 00 BB'), ANSWER],
    [hexOf(nak(0)), hexOf(ack(0))],
  ],
  [
    'asks again for a frame whose SEQCTR is reserved',
    [ack(0), sealed('60 0002 00 BB'), ANSWER],
    [hexOf(nak(0)), hexOf(ack(0))],
  ],
  ['drops a control frame of a wrong size', [ack(0), sealed('80 0001 00'), ANSWER], [hexOf(ack(0))]],
  [
    'acknowledges the last good frame for one out of turn',
    [ack(0), data(2, 0, '00 CC'), ANSWER],
    [hexOf(ack(3)), hexOf(ack(0))],
  ],
  [
    'drops a response that acknowledges another frame',
    [ack(0), data(0, 2, '00 CC'), ANSWER],
    [hexOf(ack(3)), hexOf(ack(0))],
  ],
  [
    'puts a chained response together, acknowledging each frame',
    [data(0, 0, `01${'11'.repeat(271)}`), undefined, data(1, 0, '04 22')],
    [hexOf(ack(0)), hexOf(ack(1))],
  ],
  [
    'acknowledges a frame that is offered again, and takes it once',
    [data(0, 0, `01${'11'.repeat(271)}`), data(0, 0, `01${'11'.repeat(271)}`), data(1, 0, '04 22')],
    [hexOf(ack(0)), hexOf(ack(0)), hexOf(ack(1))],
  ],
]

for (const [duty, chip, host] of TALKS) {
  test(`the host ${duty}`, async () => {
    const { script, link } = await opened()
    script.say(...chip)
    const response = toHex(await perform(script, link.exchange(COMMAND, millis(6000))))
    assert.ok(response === 'bb' || response === `${'11'.repeat(271)}22`, response)
    assert.deepEqual(script.heard, [SENT, ...host])
  })
}

test('the first frame after a reset acknowledges 3, the next is number 1 and acknowledges the response', async () => {
  const { script, link } = await opened()
  script.say(ANSWER)
  await perform(script, link.exchange(COMMAND, millis(6000)))
  script.say(data(1, 1, '00 BB'))
  await perform(script, link.exchange(COMMAND, millis(6000)))
  assert.deepEqual(script.heard, [SENT, hexOf(ack(0)), hexOf(data(1, 0, '00 AA')), hexOf(ack(1))])
})

test('after three tries without an answer the host gives up, and starts again with a re-sync', async () => {
  const { script, link } = await opened()
  await assert.rejects(perform(script, link.exchange(COMMAND, millis(6000))), { code: 'I2C_COMMAND_UNANSWERED' })
  assert.deepEqual(script.heard, [SENT, SENT, SENT])
  assert.deepEqual([link.executed, link.isLost], ['unknown', true])
  await perform(script, link.open())
  assert.equal(script.heard.at(-1), RESYNC)
})

test('a command that is refused three times is offered once more after a re-sync, and not executed', async () => {
  const { script, link } = await opened()
  script.say(nak(0), nak(0), nak(0), nak(0), nak(0), nak(0))
  await assert.rejects(perform(script, link.exchange(COMMAND, millis(6000))), { code: 'I2C_COMMAND_REFUSED' })
  assert.deepEqual(script.heard, [SENT, SENT, SENT, RESYNC, SENT, SENT, SENT, RESYNC])
  assert.equal(link.executed, 'no')
})

test('a command that was refused and then met with silence is not offered once more', async () => {
  const { script, link } = await opened()
  script.say(nak(0), ...silence(22))
  await assert.rejects(perform(script, link.exchange(COMMAND, millis(6000))), { code: 'I2C_COMMAND_UNANSWERED' })
  assert.deepEqual(script.heard, [SENT, SENT, SENT])
  assert.equal(link.executed, 'unknown')
})

test('a chaining error gets the whole chain once more', async () => {
  const { script, link } = await opened({ frameBytes: 0x115 })
  const [first, last] = [hexOf(data(0, 3, `01${'00'.repeat(271)}`)), hexOf(data(1, 3, '04 00'))]
  script.say(ack(0), data(0, 1, '07'), ack(0), data(0, 1, '00 BB'))
  assert.equal(toHex(await perform(script, link.exchange(new Uint8Array(272), millis(6000)))), 'bb')
  assert.deepEqual(script.heard, [first, last, hexOf(ack(0)), RESYNC, first, last, hexOf(ack(0))])
})

test('a data frame between the packets of a command breaks the chain, which is sent once more', async () => {
  const { script, link } = await opened()
  const [first, last] = [hexOf(data(0, 3, `01${'00'.repeat(271)}`)), hexOf(data(1, 3, '04 00'))]
  script.say(data(0, 0, '00 CC'), ack(0), data(0, 1, '00 BB'))
  assert.equal(toHex(await perform(script, link.exchange(new Uint8Array(272), millis(6000)))), 'bb')
  assert.deepEqual(script.heard, [first, RESYNC, first, last, hexOf(ack(0))])
})

test('a response that stays damaged is a fault after three times, and the command may have been executed', async () => {
  const { script, link } = await opened()
  const bad = damaged(hexOf(ANSWER))
  script.say(ack(0), bad, bad, bad)
  await assert.rejects(perform(script, link.exchange(COMMAND, millis(6000))), { code: 'I2C_RESPONSE_DAMAGED' })
  assert.deepEqual(script.heard.slice(1), [hexOf(nak(0)), hexOf(nak(0)), hexOf(nak(0))])
  assert.equal(link.executed, 'unknown')
})

test('the 1500-byte write of the vendor’s library goes out in its six frames', async () => {
  const { script, link } = await opened()
  // Four commands and five frames of responses have gone before.
  const chained = [data(0, 0, `01${'11'.repeat(271)}`), data(1, 0, '04 22')]
  for (const answers of [chained, [data(2, 1, '00 BB')], [data(3, 2, '00 BB')], [data(0, 3, '00 BB')]]) {
    script.say(...answers)
    await perform(script, link.exchange(COMMAND, millis(6000)))
  }
  script.heard.length = 0
  script.say(ack(0), ack(1), ack(2), ack(3), ack(0), data(1, 1, '00 00000000'))
  const command = concat(fromHex('02 40 05E0 F1E0 0000'), new Uint8Array(1500))
  await perform(script, link.exchange(command, millis(6000)))
  const heads = script.heard.slice(0, 6).map((frame) => frame.slice(0, 8))
  assert.deepEqual(heads, ['00011001', '04011002', '08011002', '0c011002', '00011002', '04009a04'])
})

/** Rows: the clock that is wanted, what the chip offers at first, the mode that is set, the clocks of the bus. */
const CLOCKS: readonly (readonly [
  wanted: number,
  offers: string,
  modes: readonly string[],
  clocks: readonly number[],
])[] = [
  [400, '00000190', [], [100, 400]],
  [100, '00000190', [], [100, 100]],
  [1000, '00000190', ['mode 8004'], [100, 1000]],
  [1000, '000003e8', [], [100, 1000]],
  [400, '000003e8', ['mode 8003'], [100, 400]],
]

for (const [wanted, offers, modes, clocks] of CLOCKS) {
  test(`a host that wants ${wanted} kHz of a chip that offers ${offers} agrees as the vendor’s`, async () => {
    const script = new Script()
    script.registers.set(0x84, offers)
    await perform(script, new HostLink().open({ clockKHz: wanted }))
    assert.deepEqual(
      script.heard.filter((each) => each.startsWith('mode')),
      modes,
    )
    assert.deepEqual(script.clocks, clocks)
  })
}

test('a clock that the chip does not take is a fault', async () => {
  const script = new Script()
  const link = new HostLink()
  await assert.rejects(perform(script, link.open({ clockKHz: 1001 })), (error) => {
    assert.ok(isFault(error, 'I2C_CLOCK_REFUSED'))
    assert.deepEqual([error.context['offered'], error.context['wanted'], link.isLost], [1000, 1001, true])
    return true
  })
})

/** So many looks that find nothing, a millisecond apart. */
function silence(looks: number): undefined[] {
  return Array.from({ length: looks }, () => undefined)
}

function damaged(hex: string): string {
  return hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
}

/** Gives bytes a right check sequence, so that only what they say is wrong. */
function sealed(hex: string): string {
  const bytes = fromHex(hex)
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0x8408 : crc >> 1
  }
  return toHex(bytes) + crc.toString(16).padStart(4, '0')
}
