import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Source } from './source.ts'

test('reads every form of import', () => {
  const { imports } = new Source(
    'a.ts',
    [
      "import { a, type B, c as d } from './one.ts'",
      "import type { E } from './two.ts'",
      "import * as f from 'three'",
      "import { type G } from './four.ts'",
      "import './five.ts'",
      'export {',
      '  h,',
      "} from './six.ts'",
      "const i = await import('./seven.ts')",
      "// import { j } from './eight.ts'",
      'const k = "import { l } from \'./nine.ts\'"',
    ].join('\n'),
  )
  assert.deepEqual(
    imports.map(({ specifier, line, names }) => `${line} ${specifier} ${names.join()}`),
    [
      '1 ./one.ts a,B,c',
      '2 ./two.ts E',
      '3 three *',
      '4 ./four.ts G',
      '6 ./six.ts h',
      '5 ./five.ts *',
      '9 ./seven.ts *',
    ],
  )
})

test('reads every form of exported declaration', () => {
  const text = [
    'export function a() {}',
    'export async function b() {}',
    'export abstract class C {}',
    'export const d = 1',
    'export interface E {}',
    'export type F = 1',
    'function g() {}',
    '// export function h() {}',
  ].join('\n')
  const { exports } = new Source('a.ts', text)
  assert.deepEqual(
    exports.map(({ name, kind, line }) => `${line} ${kind} ${name}`),
    ['1 function a', '2 function b', '3 class C', '4 const d', '5 interface E', '6 type F'],
  )
})

test('knows what is a test', () => {
  const isTest = (path: string): boolean => new Source(path, '').isTest
  assert.deepEqual(['a/b.test.ts', 'a/testing/b.ts', 'testing/b.ts', 'a/b.ts', 'a/contesting/b.ts'].map(isTest), [
    true,
    true,
    true,
    false,
    false,
  ])
})
