import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import type { Members } from '@birthmark/factory/json'
import { decodeUtf8, encodeUtf8, instant } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { CHAIN_START, decodeChainLine, encodeChainLine } from './chain-line.ts'

const NOW = instant(Date.UTC(2026, 0, 31, 12))
const readNote = (members: Members): { note: string } => ({ note: members.text('note', /^/, 'text') })

test('a line is one JSON object whose last member is the SHA-256 of every byte before it', () => {
  const { text, hash } = encodeChainLine(CHAIN_START, NOW, { note: 'né' })
  const hashed = text.slice(0, text.lastIndexOf(',"hash"'))
  assert.equal(createHash('sha256').update(hashed, 'utf8').digest('hex'), hash)
  assert.deepEqual(JSON.parse(text), {
    seq: 0,
    time: '2026-01-31T12:00:00.000Z',
    record: { note: 'né' },
    previous: '0'.repeat(64),
    hash,
  })
})

test('a line reads as what was written, at its own place only', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(1_000_000), (note, seq) => {
      const position = { seq, previous: 'ab'.repeat(32) }
      const { text, hash } = encodeChainLine(position, NOW, { note: note.toWellFormed() })
      const bytes = encodeUtf8(text.slice(0, -1))
      const content = { note: note.toWellFormed() }
      assert.deepEqual(decodeChainLine(bytes, position, readNote), {
        ok: true,
        value: { seq, time: NOW, content, hash },
      })
      assert.equal(decodeChainLine(bytes, { ...position, seq: seq + 1 }, readNote).ok, false)
      assert.equal(decodeChainLine(bytes, { ...position, previous: hash }, readNote).ok, false)
    }),
  )
})

test('a line with any byte changed is refused', () => {
  const bytes = encodeUtf8(encodeChainLine(CHAIN_START, NOW, { note: 'one' }).text.slice(0, -1))
  for (let at = 0; at < bytes.length; at += 1) {
    for (const flip of [0x01, 0x20, 0x80]) {
      const edited = Uint8Array.from(bytes)
      edited[at]! ^= flip
      const text = decodeUtf8(edited)
      assert.equal(decodeChainLine(edited, CHAIN_START, readNote).ok, false, text ?? `byte ${at}`)
    }
  }
})

test('arbitrary bytes give a value or problems; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const line = decodeChainLine(bytes, CHAIN_START, readNote)
      assert.ok(!line.ok && line.problems.length > 0)
    }),
  )
})

test('arbitrary JSON under a true hash gives a value or problems; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (members) => {
      const hashed = JSON.stringify({ ...members, previous: CHAIN_START.previous }).slice(0, -1)
      const digest = createHash('sha256').update(hashed).digest('hex')
      const line = decodeChainLine(encodeUtf8(`${hashed},"hash":"${digest}"}`), CHAIN_START, readNote)
      assert.equal(line.ok, false)
    }),
  )
})
