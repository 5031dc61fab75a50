import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blankOut } from './blank-out.ts'

/** `_` stands for what must be blank. */
const SAMPLES: readonly { readonly text: string; readonly code: string; readonly why: string }[] = [
  { text: 'a // b', code: 'a ____', why: 'a comment to the end of the line' },
  { text: 'a /* b\nc */ d', code: 'a ____\n____ d', why: 'a comment over two lines keeps its line break' },
  { text: 'f(\'a//b\', "c")', code: 'f(\'____\', "_")', why: 'a comment mark inside a string' },
  { text: "f('a\\'b') // c", code: "f('____') ____", why: 'an escaped quote' },
  { text: '`a${b + `c${d}`}e` + f', code: '`_${b + `_${d}`}_` + f', why: 'templates inside templates' },
  { text: '`${{ a: 1 }.a}x`', code: '`${{ a: 1 }.a}_`', why: 'braces inside a substitution' },
  { text: '`\\${a}`', code: '`_____`', why: 'an escaped substitution' },
  { text: 'a = /[/"]\\//g.test(b)', code: 'a = /______/g.test(b)', why: 'a regular expression with a quote' },
  { text: 'return /"/', code: 'return /_/', why: 'a regular expression after a keyword' },
  { text: 'a / b / "c"', code: 'a / b / "_"', why: 'division' },
  { text: '(a) / 2 // c', code: '(a) / 2 ____', why: 'division after a bracket' },
  { text: '#!/bin/x\na', code: '________\na', why: 'the line that names the interpreter' },
  { text: "'open", code: "'____", why: 'a string without an end' },
  { text: '/* open', code: '_______', why: 'a comment without an end' },
]
for (const { text, code, why } of SAMPLES) {
  test(`blanks ${why}`, () => assert.equal(blankOut(text).code, code.replaceAll('_', ' ')))
}

test('keeps the comments and where they begin', () => {
  assert.deepEqual(blankOut('a /* b */ c // d').comments, [
    { text: '/* b */', at: 2 },
    { text: '// d', at: 12 },
  ])
})
