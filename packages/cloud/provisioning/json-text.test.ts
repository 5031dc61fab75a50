import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault, isFault } from '@birthmark/foundation/kernel'
import * as fc from 'fast-check'
import { JSON_DEPTH_MAX, type JsonNode, parseJsonText } from './json-text.ts'

test('reads what the platform reads, and refuses what it refuses', () => {
  const json = fc.json({ maxDepth: 6 })
  const pretty = fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.stringify(value, undefined, 2))
  const spoiled = fc
    .tuple(json, fc.nat(), fc.constantFrom('', ',', '"', '\\', '{', ']', '\n', '\0', '1', 'e', ' '))
    .map(
      ([text, at, insert]) => text.slice(0, at % (text.length + 1)) + insert + text.slice((at % (text.length + 1)) + 1),
    )
  fc.assert(
    fc.property(fc.oneof(json, pretty, spoiled, fc.string()), (text) => {
      const expected = platformValue(text)
      try {
        const value = valueOf(parseJsonText(text))
        assert.ok(expected !== undefined, 'the platform refuses it')
        assert.equal(JSON.stringify(value), JSON.stringify(expected.value))
      } catch (error) {
        if (isFault(error, 'TEMPLATE_KEY_REPEATED')) return
        assert.ok(isFault(error, 'TEMPLATE_NOT_JSON') && error.blame === 'caller', String(error))
        assert.equal(expected, undefined, 'the platform reads it')
      }
    }),
    { numRuns: 2000 },
  )
})

test('names line and column, and the path of what is given twice', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['', 'line 1, column 1: a value is expected'],
    ['{"a":1,\n  "b":}', 'line 2, column 7: a value is expected'],
    ['{"a":1,\n\n}', 'line 3, column 1: a string is expected'],
    ['{"a" 1}', 'line 1, column 6: a colon is expected'],
    ['{"a":1 "b":2}', 'line 1, column 8: a comma or } is expected'],
    ['[1\n2]', 'line 2, column 1: a comma or ] is expected'],
    ['"a\nb"', 'line 1, column 1: the string has a control character or an unknown escape'],
    ['"\\x"', 'line 1, column 1: the string has a control character or an unknown escape'],
    ['{} {}', 'line 1, column 4: nothing may follow the value'],
    ['01', 'line 1, column 2: nothing may follow the value'],
    ['nul', 'line 1, column 1: a value is expected'],
  ]
  for (const [text, message] of rows)
    assert.throws(() => parseJsonText(text), { message: `the template is not JSON: ${message}` })
  assert.throws(() => parseJsonText('{"a":{"b c":1,\n"b c":2}}'), {
    message: '$.a["b c"] (line 2, column 1) is given twice',
  })
})

test('nesting has an end', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  parseJsonText(nested(JSON_DEPTH_MAX))
  for (const depth of [JSON_DEPTH_MAX + 1, 5000]) {
    assert.throws(
      () => parseJsonText(nested(depth)),
      (error) => error instanceof Fault && error.code === 'TEMPLATE_TOO_DEEP',
    )
  }
})

function platformValue(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function valueOf(node: JsonNode): unknown {
  switch (node.kind) {
    case 'array':
      return node.items.map(valueOf)
    case 'object':
      return Object.fromEntries([...node.members].map(([name, member]) => [name, valueOf(member)]))
    case 'string':
    case 'number':
    case 'literal':
      return node.value
  }
}
