import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Members, readJsonObject } from './members.ts'

interface Thing {
  readonly name: string
  readonly count: number
  readonly kind: 'a' | 'b'
  readonly tags: readonly ('x' | 'y')[]
  readonly bytes: Uint8Array
  readonly at: number
  readonly inner: { readonly depth: number } | undefined
  readonly note?: string
}

function readThing(members: Members): Thing {
  return {
    name: members.text('name', /^[a-z]{1,5}$/, '1 to 5 of a-z'),
    count: members.integer('count', 1, 10),
    kind: members.word('kind', ['a', 'b']),
    tags: members.words('tags', ['x', 'y']),
    bytes: members.base64('bytes', 4),
    at: members.moment('at'),
    inner: members.object('inner', (inner) => ({ depth: inner.integer('depth', 0, 3) })),
    ...(members.has('note') && { note: members.text('note', /^./, 'not empty') }),
  }
}

const GOOD = {
  name: 'bolt',
  count: 3,
  kind: 'b',
  tags: ['x'],
  bytes: 'AQID',
  at: '2026-01-31T12:00:00.000Z',
  inner: { depth: 2 },
}

test('an object with every member right is read', () => {
  assert.deepEqual(readJsonObject(JSON.stringify(GOOD), readThing), {
    ok: true,
    value: {
      ...GOOD,
      bytes: Uint8Array.of(1, 2, 3),
      at: Date.UTC(2026, 0, 31, 12),
    },
  })
  assert.ok(readJsonObject(JSON.stringify({ ...GOOD, note: 'n' }), readThing).ok)
})

const REFUSED: readonly (readonly [why: string, text: string, problem: string])[] = [
  ['not JSON', '{', 'this is not JSON at line 1, column 2: it ends too early'],
  ['a list', '[]', 'this must be an object'],
  ['null', 'null', 'this must be an object'],
  ['a text', '"x"', 'this must be an object'],
  ['a member missing', change({ name: undefined }), 'name is missing: it must be 1 to 5 of a-z'],
  ['a text too long', change({ name: 'abcdef' }), 'name must be 1 to 5 of a-z'],
  ['a number for a text', change({ name: 1 }), 'name must be 1 to 5 of a-z'],
  ['a text for a number', change({ count: '3' }), 'count must be a whole number from 1 to 10'],
  ['a fraction', change({ count: 1.5 }), 'count must be a whole number from 1 to 10'],
  ['too many', change({ count: 11 }), 'count must be a whole number from 1 to 10'],
  ['another word', change({ kind: 'c' }), 'kind must be "a" or "b"'],
  ['a word of Object', change({ kind: 'constructor' }), 'kind must be "a" or "b"'],
  ['a word twice', change({ tags: ['x', 'x'] }), 'tags must be a list of "x", "y", each at most once'],
  ['a list that is a word', change({ tags: 'x' }), 'tags must be a list of "x", "y", each at most once'],
  ['base64 without padding', change({ bytes: 'AQI' }), 'bytes must be 1 to 4 bytes in base64 with padding'],
  ['base64 with spare bits', change({ bytes: 'AQJ=' }), 'bytes must be 1 to 4 bytes in base64 with padding'],
  ['base64url', change({ bytes: '-_-_' }), 'bytes must be 1 to 4 bytes in base64 with padding'],
  ['no bytes', change({ bytes: '' }), 'bytes must be 1 to 4 bytes in base64 with padding'],
  ['too many bytes', change({ bytes: 'AQIDBAU=' }), 'bytes must be 1 to 4 bytes in base64 with padding'],
  [
    'a day that is none',
    change({ at: '2026-02-30T00:00:00.000Z' }),
    'at must be a moment such as "2026-01-31T12:00:00.000Z"',
  ],
  [
    'a moment without zone',
    change({ at: '2026-02-28T00:00:00' }),
    'at must be a moment such as "2026-01-31T12:00:00.000Z"',
  ],
  ['a problem within', change({ inner: { depth: 9 } }), 'inner.depth must be a whole number from 0 to 3'],
  ['an unknown member', change({ nmae: 1 }), '"nmae" is not known here'],
  ['an unknown member within', change({ inner: { depth: 1, '': 1 } }), 'inner."" is not known here'],
  ['a prototype', `{"__proto__":{},${JSON.stringify(GOOD).slice(1)}`, '"__proto__" is not known here'],
  ['null for an optional member', change({ note: null }), 'note must be not empty'],
]
for (const [why, text, problem] of REFUSED) {
  test(`refuses ${why}`, () => {
    assert.deepEqual(readJsonObject(text, readThing), { ok: false, problems: [problem] })
  })
}

test('every problem is reported at once, up to a limit', () => {
  const several = readJsonObject('{"name":1,"kind":2,"extra":3}', readThing)
  assert.ok(!several.ok && several.problems.length === 8, JSON.stringify(several))
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`m${index}`, 0]))
  const report = readJsonObject(JSON.stringify(many), readThing)
  assert.ok(!report.ok && report.problems.length === 20)
})

test('arbitrary text and arbitrary JSON give a value or problems; nothing is thrown', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const read = readJsonObject(text, readThing)
      assert.ok(read.ok || read.problems.every((problem) => problem.length < 200))
    }),
  )
})

function change(members: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...GOOD, ...members })
}

test('flags, lists of objects and empty lists are read, and what is wrong in them is named by its place', () => {
  const read = (input: object): unknown =>
    readJsonObject(JSON.stringify(input), (members) => ({
      on: members.flag('on'),
      rows: members.objects('rows', (row) => row.integer('n', 0, 9)),
      words: members.texts('words', /^[a-z]$/, 'a letter', { least: 0 }),
    }))
  assert.deepEqual(read({ on: true, rows: [{ n: 1 }, { n: 2 }], words: [] }), {
    ok: true,
    value: { on: true, rows: [1, 2], words: [] },
  })
  assert.deepEqual(read({ on: 1, rows: [{ n: 1 }, { n: 12 }, 7], words: 'a' }), {
    ok: false,
    problems: [
      'on must be true or false',
      'rows[1].n must be a whole number from 0 to 9',
      'rows[2] must be an object',
      'words must be a list of 0 to 256: a letter',
    ],
  })
})
