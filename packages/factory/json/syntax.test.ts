import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { notJson } from './syntax.ts'

const CASES: readonly (readonly [text: string, says: string])[] = [
  ['', 'line 1, column 1: it ends too early'],
  ['  \n', 'line 2, column 1: it ends too early'],
  ['PO-2026-1', 'line 1, column 1: a value is expected'],
  ['{\n  "id": 1\n  "count": 2\n}', 'line 3, column 3: a comma or } is expected'],
  ['{\r\n  "id": 1,\r\n}\r\n', 'line 3, column 1: no comma may stand before }'],
  ['[1,]', 'line 1, column 4: no comma may stand before ]'],
  ['[1 2]', 'line 1, column 4: a comma or ] is expected'],
  ['{"a":]', 'line 1, column 6: a value is expected'],
  ['{"a":}', 'line 1, column 6: a value is expected'],
  ["{'a':1}", 'line 1, column 2: a name in double quotes is expected'],
  ['{"a" 1}', 'line 1, column 6: a colon is expected'],
  ['{"a":1} {}', 'line 1, column 9: nothing may follow the document'],
  ['{"a":01}', 'line 1, column 7: a comma or } is expected'],
  ['{"a":"x\n"}', 'line 1, column 6: the string that begins there does not end on its line'],
  ['{"a":"x', 'line 1, column 6: the string that begins there has no end'],
  ['{"a":"\\x41"}', 'line 1, column 7: an escape that JSON does not know'],
  ['{"a":[', 'line 1, column 7: it ends too early'],
  ['\uFEFF{}', 'line 1, column 1: a byte order mark stands there; save it without one'],
  ['// order\n{}', 'line 1, column 1: a value is expected'],
]
for (const [text, says] of CASES) {
  test(`${JSON.stringify(text)} is no JSON at ${says}`, () => {
    assert.equal(notJson(text), `not JSON at ${says}`)
  })
}

test('a line of a file is counted from where it stands in the file', () => {
  assert.equal(notJson('{"a"}', 7), 'not JSON at line 7, column 5: a colon is expected')
})

test('a text of JSON has nothing behind its end; whatever else JSON.parse refuses has a place within the text', () => {
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', '[', '\\', '\n', 'x', '0', ':'))
    .map(
      ([json, at, put]) => `${json.slice(0, at % (json.length + 1))}${put}${json.slice((at % (json.length + 1)) + 1)}`,
    )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), broken), (text) => {
      const [, line = 0, column = 0, why = ''] =
        /^not JSON at line (\d+), column (\d+): (.+)$/.exec(notJson(text)) ?? []
      const lines = text.split('\n')
      assert.ok(Number(line) >= 1 && Number(line) <= lines.length, notJson(text))
      const length = lines[Number(line) - 1]?.length ?? -1
      assert.ok(Number(column) >= 1 && Number(column) <= length + 1, notJson(text))
      const atEnd = Number(line) === lines.length && Number(column) === length + 1
      if (isJson(text)) assert.ok(atEnd && why === 'it ends too early', notJson(text))
      else assert.doesNotMatch(notJson(`${text}\u0001`), /it ends too early/)
    }),
    { numRuns: 500 },
  )
})

test('however deep or long a text is, its place is found', () => {
  assert.match(notJson('['.repeat(200_000)), /column 200001: it ends too early$/)
  assert.match(notJson(`["${'\\n'.repeat(500_000)}"`), /column 1000004: it ends too early$/)
})

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
