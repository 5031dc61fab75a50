import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findFunctions } from './functions.ts'

/** Each sample, and from where to where its functions go. */
const SAMPLES: readonly { readonly code: string; readonly found: readonly string[]; readonly why: string }[] = [
  { code: 'function f() { a }', found: ['() { a }'], why: 'a function' },
  { code: 'function f(a: { b: 1 }) { c }', found: ['(a: { b: 1 }) { c }'], why: 'a parameter with braces' },
  {
    code: 'function f(): { a: 1 } | Map<A, { b: 1 }> { c }',
    found: ['(): { a: 1 } | Map<A, { b: 1 }> { c }'],
    why: 'a return type with braces',
  },
  { code: 'function f(a): a is A[] { c }', found: ['(a): a is A[] { c }'], why: 'a type predicate' },
  { code: 'f(a): (b: B) => void { c }', found: ['(a): (b: B) => void { c }'], why: 'a method that returns a function' },
  { code: 'get a() { b }', found: ['() { b }'], why: 'an accessor' },
  { code: 'const f = (a) => { b }', found: ['(a) => { b }'], why: 'an arrow function' },
  { code: 'const f = a => { b }', found: ['=> { b }'], why: 'an arrow function without parentheses' },
  {
    code: 'const f = (a): A => {\n b }\nconst c = { d }',
    found: ['=> {\n b }'],
    why: 'an arrow function with a type, and an object after it',
  },
  { code: 'const f = (a) => ({ b })', found: [], why: 'an arrow function without a body' },
  { code: 'if (a) { b } else { c }', found: [], why: 'a condition' },
  { code: 'for await (a of b) { c }', found: [], why: 'a loop' },
  { code: 'try { a } catch (b) { c }', found: [], why: 'an exception' },
  { code: 'interface A { f(a: B): C; d: { e: 1 } }', found: [], why: 'a signature without a body' },
  { code: 'a ? f(b) : { c: 1 }', found: [], why: 'a conditional expression' },
  { code: "suite('  ', () => { a })", found: [], why: 'a suite of tests' },
  { code: "test('  ', () => { a })", found: ['() => { a }'], why: 'a test' },
]
for (const { code, found, why } of SAMPLES) {
  test(`finds ${why}`, () => {
    assert.deepEqual(
      findFunctions(code).map(({ start, end }) => code.slice(start, end + 1)),
      found,
    )
  })
}
