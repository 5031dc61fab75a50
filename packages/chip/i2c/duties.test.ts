import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const PAGE = readFileSync(new URL('../../../docs/reference/i2c-protocol.md', import.meta.url), 'utf8')
const ROWS = [...PAGE.matchAll(/^\| (chip|host|both) \| (.+) \| (\S+\.test\.ts): (.+) \|$/gm)]

test('every row of the page of duties is understood', () => {
  assert.equal(ROWS.length, PAGE.split('\n').filter((line) => /^\| (?:chip|host|both) /.test(line)).length)
  assert.ok(ROWS.length > 50)
})

for (const [, end = '', duty = '', path = '', title = ''] of ROWS) {
  test(`the test that shows this duty of the ${end} is there: ${duty}`, () => {
    const text = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
    assert.ok(text.includes(title), `${path} has no test '${title}'`)
  })
}
