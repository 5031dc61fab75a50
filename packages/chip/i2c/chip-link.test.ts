import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, instant, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { ACKNOWLEDGE_AFTER, ChipLink, REOFFER_AFTER } from './chip-link.ts'
import { type ControlFrame, type DataFrame, decodeFrame, encodeFrame } from './frame.ts'
import { ACKNOWLEDGE_TIMEOUT } from './registers.ts'

/** A chip's link with a host's view of it: short words for what goes over the bus. */
class Bench {
  readonly link = new ChipLink(1557)
  now = instant(0)

  /** Writes a data frame; gives the command it completes, in hex. */
  send(number: number, packet: string, acknowledges = 3, refuses = false): string | undefined {
    return this.write(encodeFrame({ kind: 'data', number, acknowledges, refuses, packet: fromHex(packet) }))
  }

  control(frame: ControlFrame): void {
    this.write(encodeFrame(frame))
  }

  write(bytes: Uint8Array): string | undefined {
    const command = this.link.receive(bytes, this.now)
    return command === undefined ? undefined : toHex(command)
  }

  respond(response: string, after = 0): void {
    this.link.respond(fromHex(response), instant(this.now + after))
  }

  /** Reads DATA as a host does. */
  take(): string {
    const bytes = this.link.waiting(this.now)
    if (bytes === undefined) return 'nothing'
    this.link.taken(this.now)
    return describe(decodeFrame(bytes))
  }

  state(): string {
    return toHex(this.link.state(this.now))
  }

  pass(milliseconds: number): void {
    this.now = instant(this.now + milliseconds)
  }
}

function describe(frame: ReturnType<typeof decodeFrame>): string {
  switch (frame.kind) {
    case 'data':
      return `data ${frame.number} ack ${frame.acknowledges}: ${toHex(frame.packet)}`
    case 'ack':
    case 'nak':
      return `${frame.kind} ${frame.number}`
    case 'resync':
    case 'damaged':
      return frame.kind
  }
}

test('a response that is ready in time carries the acknowledgement', () => {
  const bench = new Bench()
  assert.equal(bench.send(0, '00 AA'), 'aa')
  bench.respond('BB')
  assert.equal(bench.state(), '48000007')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
  bench.control({ kind: 'ack', number: 0 })
  assert.equal(bench.state(), '08000000')
})

test('the acknowledgement can be read within 10 ms, also of a command that takes five seconds', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB', 5000)
  bench.pass(9)
  assert.equal(bench.take(), 'ack 0')
  bench.pass(4991)
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('a command that takes its time is acknowledged when the acknowledge timer runs out', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB', 100)
  assert.equal(bench.state(), '88000000')
  bench.pass(ACKNOWLEDGE_AFTER - 1)
  assert.equal(bench.take(), 'nothing')
  bench.pass(1)
  assert.ok(ACKNOWLEDGE_AFTER < ACKNOWLEDGE_TIMEOUT)
  assert.equal(bench.state(), 'c8000005')
  assert.equal(bench.take(), 'ack 0')
  assert.equal(bench.state(), '88000000')
  assert.equal(bench.take(), 'nothing')
  bench.pass(100)
  assert.equal(bench.state(), '48000007')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('a response that becomes ready before the acknowledge timer runs out carries the acknowledgement too', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB', ACKNOWLEDGE_AFTER - 1)
  assert.equal(bench.take(), 'nothing')
  bench.pass(ACKNOWLEDGE_AFTER - 1)
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('a command that nobody has answered yet keeps the chip busy', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.pass(ACKNOWLEDGE_AFTER)
  assert.equal(bench.state(), 'c8000005')
  assert.equal(bench.link.isIdle, false)
})

test('a frame may be written while the chip is busy, whether the host looked before or not', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB', 100)
  assert.equal(bench.send(1, '00 CC'), 'cc')
  bench.respond('DD')
  assert.equal(bench.state(), '48000007')
  assert.equal(bench.take(), 'data 0 ack 1: 00dd')
  assert.equal(bench.send(2, '00 EE', 0), 'ee')
})

test('the chip is idle when everything that it said is acknowledged, and not before', () => {
  const bench = new Bench()
  assert.equal(bench.link.isIdle, true)
  bench.send(0, '00 AA')
  bench.respond('BB')
  assert.equal(bench.link.isIdle, false)
  bench.take()
  assert.equal(bench.link.isIdle, false)
  bench.control({ kind: 'ack', number: 0 })
  assert.equal(bench.link.isIdle, true)
})

test('frame numbers go round in both directions', () => {
  const bench = new Bench()
  for (let count = 0; count < 9; count++) {
    const number = count % 4
    assert.equal(bench.send(number, '00 AA', (number + 3) % 4), 'aa')
    bench.respond('BB')
    assert.equal(bench.take(), `data ${number} ack ${number}: 00bb`)
    bench.control({ kind: 'ack', number })
  }
})

test('a damaged frame is answered at once with a NAK for the one that is due', () => {
  const bench = new Bench()
  const damaged = encodeFrame({ kind: 'data', number: 0, acknowledges: 3, refuses: false, packet: fromHex('00 AA') })
  damaged[4]! ^= 1
  assert.equal(bench.write(damaged), undefined)
  assert.equal(bench.take(), 'nak 0')
  assert.equal(bench.send(0, '00 AA'), 'aa')
})

/** Rows: bytes of a frame, why it is none. */
const DAMAGED: readonly (readonly [hex: string, why: string])[] = [
  ['00 00', 'less than header and check sequence'],
  [sealed('00 0003 00 AA'), 'LEN is larger than what came'],
  [sealed('00 0001 00 AA'), 'LEN is smaller than what came'],
  [sealed('00 0000'), 'a data frame without a packet'],
  [sealed('60 0002 00 AA'), 'SEQCTR is reserved'],
  [sealed('40 0002 00 AA'), 'SEQCTR re-sync in a data frame'],
  [sealed('10 0002 00 AA'), 'the reserved bit of FCTR'],
]

for (const [hex, why] of DAMAGED) {
  test(`a frame that is none gets a NAK at once: ${why}`, () => {
    const bench = new Bench()
    bench.send(0, '00 AA')
    bench.respond('BB')
    bench.take()
    bench.control({ kind: 'ack', number: 0 })
    assert.equal(bench.write(fromHex(hex)), undefined)
    assert.equal(bench.take(), 'nak 1')
  })
}

test('a frame longer than was agreed is answered with a NAK', () => {
  const bench = new Bench()
  bench.link.frameBytesMax = 16
  assert.equal(bench.send(0, `00${'AA'.repeat(11)}`), undefined)
  assert.equal(bench.take(), 'nak 0')
  assert.equal(bench.send(0, `00${'AA'.repeat(10)}`), 'aa'.repeat(10))
})

test('a control frame of a wrong size is dropped without a word', () => {
  const bench = new Bench()
  bench.write(fromHex('80 00 01 00 0A 11'.replace('0A 11', crcOf('80 00 01 00'))))
  assert.equal(bench.take(), 'nothing')
})

test('a frame out of turn is dropped and the last good one acknowledged', () => {
  const bench = new Bench()
  assert.equal(bench.send(2, '00 AA'), undefined)
  assert.equal(bench.take(), 'ack 3')
  assert.equal(bench.take(), 'nothing')
})

test('a repeated frame is not executed again: it is acknowledged again and the response kept', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
  assert.equal(bench.send(0, '00 AA'), undefined)
  assert.equal(bench.take(), 'ack 0')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('a response that is not acknowledged is offered again, the identical frame', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
  bench.pass(REOFFER_AFTER - 1)
  assert.equal(bench.state(), '08000000')
  bench.pass(1)
  assert.equal(bench.state(), '48000007')
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
  bench.control({ kind: 'ack', number: 0 })
  bench.pass(1000)
  assert.equal(bench.state(), '08000000')
})

test('a NAK for the response gets it again at once; one for another frame does not', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  bench.take()
  bench.control({ kind: 'nak', number: 1 })
  assert.equal(bench.take(), 'nothing')
  bench.control({ kind: 'nak', number: 0 })
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('an acknowledgement of a response that nobody has read means nothing', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  bench.control({ kind: 'ack', number: 0 })
  assert.equal(bench.take(), 'data 0 ack 0: 00bb')
})

test('the next command acknowledges the last response when the acknowledgement was lost', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  bench.take()
  assert.equal(bench.send(1, '00 CC', 0), 'cc')
  bench.respond('DD')
  assert.equal(bench.take(), 'data 1 ack 1: 00dd')
})

test('a command may refuse the last response in the same frame; the response is dropped for the new one', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  bench.take()
  assert.equal(bench.send(1, '00 CC', 0, true), 'cc')
  bench.respond('DD')
  assert.equal(bench.take(), 'data 0 ack 1: 00dd')
})

test('a chained command is acknowledged packet by packet', () => {
  const bench = new Bench()
  bench.link.frameBytesMax = 16
  assert.equal(bench.send(0, `01${'11'.repeat(10)}`), undefined)
  assert.equal(bench.take(), 'ack 0')
  assert.equal(bench.send(1, `02${'22'.repeat(10)}`), undefined)
  assert.equal(bench.take(), 'ack 1')
  assert.equal(bench.send(2, '04 33'), `${'11'.repeat(10)}${'22'.repeat(10)}33`)
})

test('a chained response goes on when its frame is acknowledged, and only then', () => {
  const bench = new Bench()
  bench.link.frameBytesMax = 16
  bench.send(0, '00 AA')
  bench.respond('BB'.repeat(21))
  assert.equal(bench.take(), `data 0 ack 0: 01${'bb'.repeat(10)}`)
  assert.equal(bench.take(), 'nothing')
  bench.control({ kind: 'ack', number: 0 })
  assert.equal(bench.take(), `data 1 ack 0: 02${'bb'.repeat(10)}`)
  // The host's acknowledgement is lost.
  bench.pass(REOFFER_AFTER)
  assert.equal(bench.take(), `data 1 ack 0: 02${'bb'.repeat(10)}`)
  bench.control({ kind: 'ack', number: 1 })
  assert.equal(bench.take(), 'data 2 ack 0: 04bb')
})

test('a broken chain is answered with a chaining error, and the chain may be repeated', () => {
  const bench = new Bench()
  bench.link.frameBytesMax = 16
  assert.equal(bench.send(0, '04 33'), undefined)
  assert.equal(bench.take(), 'data 0 ack 0: 07')
  bench.control({ kind: 'ack', number: 0 })
  bench.send(1, `01${'11'.repeat(10)}`, 0)
  assert.equal(bench.take(), 'ack 1')
  assert.equal(bench.send(2, '04 33', 0), `${'11'.repeat(10)}33`)
})

test('re-sync sets both counters back and drops what was pending', () => {
  const bench = new Bench()
  bench.send(0, '00 AA')
  bench.respond('BB')
  bench.take()
  bench.control({ kind: 'resync' })
  bench.pass(1000)
  assert.equal(bench.take(), 'nothing')
  assert.equal(bench.send(0, '00 CC'), 'cc')
  bench.respond('DD')
  assert.equal(bench.take(), 'data 0 ack 0: 00dd')
})

test('re-sync drops half a chain and a command that is still being worked on', () => {
  const bench = new Bench()
  bench.link.frameBytesMax = 16
  bench.send(0, `01${'11'.repeat(10)}`)
  bench.control({ kind: 'resync' })
  assert.equal(bench.send(0, '00 AA'), 'aa')
  bench.control({ kind: 'resync' })
  bench.respond('BB')
  assert.equal(bench.take(), 'nothing')
  assert.equal(bench.state(), '08000000')
})

test('a command that is longer than the chip can take comes out one byte too long, for the chip to refuse', () => {
  const bench = new Bench()
  let command: string | undefined
  for (let packet = 0; packet < 8; packet++) {
    const control = packet === 0 ? '01' : packet === 7 ? '04' : '02'
    command = bench.send(packet % 4, control + '00'.repeat(271))
  }
  assert.equal(command?.length, 2 * 1558)
})

test('arbitrary frames and times never throw, and what waits is always a sound frame', () => {
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc
      .record({
        kind: fc.constant('data' as const),
        number: fc.nat({ max: 3 }),
        acknowledges: fc.nat({ max: 3 }),
        refuses: fc.boolean(),
        packet: fc.uint8Array({ minLength: 1, maxLength: 12 }),
      })
      .map((data: DataFrame) => encodeFrame(data)),
    fc.record({ kind: fc.constantFrom('ack' as const, 'nak' as const), number: fc.nat({ max: 3 }) }).map(encodeFrame),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(frame, fc.nat({ max: 15 }), fc.boolean())), (steps) => {
      const bench = new Bench()
      bench.link.frameBytesMax = 16
      for (const [bytes, delay, reads] of steps) {
        if (bench.write(bytes) !== undefined) bench.respond('BB'.repeat(delay), delay)
        bench.pass(delay)
        if (reads) assert.notEqual(bench.take(), 'damaged')
      }
    }),
  )
})

function sealed(hex: string): string {
  return hex + crcOf(hex)
}

function crcOf(hex: string): string {
  let crc = 0
  for (const byte of fromHex(hex)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0x8408 : crc >> 1
  }
  return crc.toString(16).padStart(4, '0')
}
