import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printable } from './output.ts'

const ROWS: readonly { readonly why: string; readonly text: string; readonly shown: string }[] = [
  { why: 'a clear-screen sequence', text: 'press\u001b[2J', shown: 'press\\u001b[2J' },
  { why: 'the one-byte form of it', text: '\u009b2J', shown: '\\u009b2J' },
  { why: 'a carriage return that overwrites the line', text: 'refused\ropen', shown: 'refused\\u000dopen' },
  { why: 'a turned writing direction', text: 'a\u202eb', shown: 'a\\u202eb' },
  { why: 'nothing to mend, line feeds and tabs', text: 'Grüße 🌡\n\tpress-7', shown: 'Grüße 🌡\n\tpress-7' },
]

for (const { why, text, shown } of ROWS) {
  test(`what a terminal is shown: ${why}`, () => assert.equal(printable(text), shown))
}
