import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AwsException } from '../exceptions.ts'
import { type Fields, Given } from './fields.ts'

const FIELDS: Fields = {
  word: { type: 'string', description: 'a word', values: ['a', 'b'] },
  text: { type: 'string', description: 'any text', required: true },
  number: { type: 'integer', description: 'a number', min: 1, max: 9 },
  flag: { type: 'boolean', description: 'a flag' },
  list: { type: 'strings', description: 'texts' },
  one: { type: 'object', description: 'an object' },
  more: { type: 'objects', description: 'objects' },
}

test('arbitrary parameters are read with their types, or refused as invalid', () => {
  const name = fc.oneof(fc.constantFrom(...Object.keys(FIELDS), '__proto__', 'constructor'), fc.string())
  const value = fc.oneof(fc.constantFrom('a', 1, '5', true, 'true', ['x'], {}, [{}]), fc.jsonValue())
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (raw) => {
      let given: Given
      try {
        given = Given.read(FIELDS, raw)
      } catch (error) {
        assert.ok(error instanceof AwsException && error.name === 'InvalidRequestException', String(error))
        return
      }
      assert.equal(typeof given.text('text'), 'string')
      assert.ok([undefined, 'a', 'b'].includes(given.text('word')))
      const number = given.integer('number') ?? 1
      assert.ok(Number.isInteger(number) && number >= 1 && number <= 9)
      assert.ok(given.texts('list').every((item) => typeof item === 'string'))
      assert.equal(typeof given.flag('flag'), 'boolean')
      for (const item of [given.object('one') ?? {}, ...given.objects('more')]) assert.equal(typeof item, 'object')
    }),
  )
})

test('what fits is read', () => {
  const given = Given.read(FIELDS, [
    ['text', 't'],
    ['number', '7'],
    ['flag', 'true'],
    ['list', ['x']],
    ['one', { k: 1 }],
    ['more', [{ k: 2 }]],
  ])
  assert.deepEqual([given.text('text'), given.integer('number'), given.flag('flag')], ['t', 7, true])
  assert.deepEqual([given.texts('list'), given.object('one'), given.objects('more')], [['x'], { k: 1 }, [{ k: 2 }]])
  assert.deepEqual([given.text('word'), given.object('two')], [undefined, undefined])
})
