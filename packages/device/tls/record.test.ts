import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { suite, test } from 'node:test'
import { concat, Fault, isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { CONTENT_BYTES_MAX, type ContentType, encodeHeader, RecordReader, type WireRecord } from './record.ts'
import { RecordLayer } from './record-layer.ts'
import { type RecordProtection, RecordProtection12, RecordProtection13 } from './record-protection.ts'

const TYPES: readonly ContentType[] = ['change_cipher_spec', 'alert', 'handshake', 'application_data']
const type = fc.constantFrom(...TYPES)
const PROTECTIONS: readonly (readonly [name: string, make: () => RecordProtection])[] = [
  ['TLS 1.2', () => new RecordProtection12({ key: new Uint8Array(16).fill(1), iv: new Uint8Array(4).fill(2) })],
  ['TLS 1.3', () => new RecordProtection13({ key: new Uint8Array(16).fill(1), iv: new Uint8Array(12).fill(2) })],
]

function readAll(reader: RecordReader): WireRecord[] {
  const records: WireRecord[] = []
  for (let next = reader.next(CONTENT_BYTES_MAX); next !== undefined; next = reader.next(CONTENT_BYTES_MAX)) {
    records.push(next)
  }
  return records
}

suite('records on the wire', () => {
  test('come out as they went in, however the stream is cut', () => {
    const record = fc.tuple(type, fc.uint8Array({ maxLength: 40 }))
    fc.assert(
      fc.property(
        fc.array(record, { maxLength: 6 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 30 })),
        (records, cuts) => {
          const stream = concat(...records.flatMap(([kind, bytes]) => [encodeHeader(kind, bytes.length), bytes]))
          const reader = new RecordReader()
          const found: WireRecord[] = []
          for (let at = 0; at < stream.length; ) {
            const step = Number(cuts.next().value)
            reader.feed(stream.subarray(at, at + step))
            found.push(...readAll(reader))
            at += step
          }
          assert.deepEqual(
            found.map((each) => [each.type, Uint8Array.from(each.fragment)]),
            records,
          )
        },
      ),
    )
  })

  test('arbitrary bytes give records, a request for more, or a declared fault; nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const reader = new RecordReader()
        reader.feed(bytes)
        try {
          readAll(reader)
        } catch (error) {
          assert.ok(error instanceof Fault && error.blame === 'peer', String(error))
        }
      }),
    )
  })
})

for (const [name, make] of PROTECTIONS) {
  suite(`records of ${name}`, () => {
    const reopened = (opening: RecordProtection, record: Uint8Array): readonly [ContentType, Uint8Array] => {
      const layer = new RecordLayer()
      layer.protectReading(opening)
      layer.feed(record)
      const content = layer.next()
      assert.ok(content !== undefined)
      return [content.type, Uint8Array.from(content.bytes)]
    }

    test('come back, one after the other', () => {
      const content = fc.tuple(
        fc.constantFrom('alert' as const, 'handshake' as const, 'application_data' as const),
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
      )
      fc.assert(
        fc.property(fc.array(content, { maxLength: 5 }), (contents) => {
          const [sealing, opening] = [make(), make()]
          for (const [kind, bytes] of contents) {
            assert.deepEqual(reopened(opening, sealing.seal({ type: kind, bytes })), [kind, bytes])
          }
        }),
      )
    })

    test('do not open with any byte changed', () => {
      const record = make().seal({ type: 'application_data', bytes: Buffer.from('press-7') })
      for (let at = 0; at < record.length; at += 1) {
        for (const bit of [0x01, 0x80]) {
          const changed = record.map((byte, index) => (index === at ? byte ^ bit : byte))
          const layer = new RecordLayer()
          layer.protectReading(make())
          layer.feed(changed)
          try {
            assert.equal(layer.next(), undefined, `byte ${at}`)
          } catch (error) {
            assert.ok(error instanceof Fault && error.blame === 'peer', String(error))
          }
        }
      }
    })

    test('hold 16 KiB and not a byte more', () => {
      const most = make().seal({ type: 'application_data', bytes: new Uint8Array(CONTENT_BYTES_MAX) })
      assert.equal(reopened(make(), most)[1].length, CONTENT_BYTES_MAX)
      const more = make().seal({ type: 'application_data', bytes: new Uint8Array(CONTENT_BYTES_MAX + 1) })
      assert.throws(
        () => reopened(make(), more),
        (error) => isFault(error, 'TLS_RECORD_TOO_LARGE'),
      )
    })

    test('arbitrary fragments are refused with a declared fault', () => {
      fc.assert(
        fc.property(type, fc.uint8Array({ maxLength: 60 }), (kind, fragment) => {
          const layer = new RecordLayer()
          layer.protectReading(make())
          layer.feed(concat(encodeHeader(kind, fragment.length), fragment))
          try {
            assert.equal(layer.next()?.type, 'change_cipher_spec')
          } catch (error) {
            assert.ok(error instanceof Fault && error.blame === 'peer', String(error))
          }
        }),
      )
    })
  })
}

suite('the hidden part of a TLS 1.3 record', () => {
  const inner = (...bytes: readonly number[]): Uint8Array => sealInner(Uint8Array.from(bytes))

  test('may be padded', () => {
    assert.deepEqual(openInner(inner(65, 66, 23, 0, 0, 0, 0)), ['application_data', Uint8Array.of(65, 66)])
    assert.deepEqual(openInner(inner(23, 0, 0)), ['application_data', new Uint8Array()])
    assert.deepEqual(openInner(inner(0, 0, 23, 0)), ['application_data', Uint8Array.of(0, 0)])
  })

  const REFUSED: readonly (readonly [why: string, record: Uint8Array, code: string])[] = [
    ['nothing', inner(), 'TLS_RECORD_MALFORMED'],
    ['nothing but padding', inner(0, 0, 0), 'TLS_RECORD_MALFORMED'],
    ['no known type', inner(65, 99), 'TLS_RECORD_MALFORMED'],
    ['a ChangeCipherSpec', inner(1, 20), 'TLS_RECORD_MALFORMED'],
    ['an empty alert', inner(21), 'TLS_RECORD_MALFORMED'],
    ['an empty message', inner(22, 0, 0), 'TLS_RECORD_MALFORMED'],
    [
      'padding above the limit',
      sealInner(new Uint8Array(CONTENT_BYTES_MAX + 2).fill(23, 0, 1)),
      'TLS_RECORD_TOO_LARGE',
    ],
  ]
  for (const [why, record, code] of REFUSED) {
    test(`is refused: ${why}`, () => {
      assert.throws(
        () => openInner(record),
        (error) => isFault(error, code),
      )
    })
  }
})

/** Seals the first record of the key of {@link openInner} with OpenSSL's own hands (RFC 8446 §5.2). */
function sealInner(plaintext: Uint8Array): Uint8Array {
  const header = encodeHeader('application_data', plaintext.length + 16)
  const cipher = createCipheriv('aes-128-gcm', new Uint8Array(16).fill(1), new Uint8Array(12).fill(2)).setAAD(header)
  return concat(header, cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

function openInner(record: Uint8Array): readonly [ContentType, Uint8Array] {
  const layer = new RecordLayer()
  layer.protectReading(new RecordProtection13({ key: new Uint8Array(16).fill(1), iv: new Uint8Array(12).fill(2) }))
  layer.feed(record)
  const content = layer.next()
  assert.ok(content !== undefined)
  return [content.type, Uint8Array.from(content.bytes)]
}
