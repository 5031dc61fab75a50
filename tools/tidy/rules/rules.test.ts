/** Each rule finds what it forbids, where it is, and nothing in what it allows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Finding, Rule } from '../rule.ts'
import { treeOf } from '../tree.ts'
import { RULES } from './index.ts'

type Files = Readonly<Record<string, string>>

function manifest(name: string, doors: readonly string[], dependencies: readonly string[] = []): string {
  return JSON.stringify({
    name,
    exports: Object.fromEntries(doors.map((door) => [`./${door}`, `./${door}/index.ts`])),
    dependencies: Object.fromEntries(dependencies.map((dependency) => [dependency, '1'])),
  })
}

/** A small repository in which every import is as it should be. */
const WORKSPACES: Files = {
  'package.json': JSON.stringify({ devDependencies: { 'fast-check': '1' } }),
  'packages/foundation/package.json': manifest('@b/foundation', ['kernel']),
  'packages/foundation/kernel/index.ts': "export { a } from './a.ts'",
  'packages/foundation/kernel/a.ts': '/** Is one. */\nexport const a = 1',
  'packages/chip/package.json': manifest('@b/chip', ['bus', 'bus/adapters', 'chip'], ['@b/foundation']),
  'packages/chip/bus/index.ts': "export { bus } from './bus.ts'",
  'packages/chip/bus/bus.ts': "import { a } from '@b/foundation/kernel'\n/** Is a. */\nexport const bus = a",
  'packages/chip/bus/adapters/index.ts': "import { bus } from '../bus.ts'\n/** Is a. */\nexport const open = bus",
  'packages/chip/chip/index.ts': "export { chip } from './chip.ts'",
  'packages/chip/chip/chip.ts': "import { bus } from '../bus/index.ts'\n/** Is a. */\nexport const chip = bus",
  'packages/chip/chip/chip.test.ts': "import fc from 'fast-check'\nimport { chip } from './chip.ts'\nvoid [chip, fc]",
  'packages/cloud/package.json': manifest('@b/cloud', ['front'], ['@b/foundation']),
  'packages/cloud/front/index.ts': "import { a } from '@b/foundation/kernel'\n/** Is a. */\nexport const front = a",
}

function withFiles(files: Files): Files {
  return { ...WORKSPACES, ...files }
}

function inCloud(text: string): Files {
  const uses = "import { a } from '@b/foundation/kernel'\nvoid a\n"
  return withFiles({ 'packages/cloud/front/index.ts': uses + text })
}

function inRoom(text: string): Files {
  return { 'packages/cloud/front/front.ts': text }
}

const IMPORTS = 'imports follow the arrows, go through front doors, and are declared'
const UNUSED_EXPORT = 'no export that nobody imports'
const TIME = 'clock, chance and timers only in the system room'
const ESCAPES = 'no any, no double cast, no non-null assertion in what ships'
const CODES = 'fault codes are defined once and raised'
const WORDS = 'no paths of one machine, no hosts of one network'
const DOCSTRINGS = 'what front doors export has docstrings'
const TITLE = 'Markdown has exactly one H1'
const LINKS = 'links in Markdown lead somewhere'
const PURE = { 'tsconfig.pure.json': '{ "include": ["packages/cloud/mqtt/**/*.ts"] }' }
const FAULT_TABLE = "export const A_FAULTS = {\n  A_BAD: { blame: 'peer' },\n} as const\n"

function lines(count: number, text = 'a()'): string {
  return `${Array.from({ length: count }, () => text).join('\n')}\n`
}

interface Sample {
  readonly rule: string
  readonly why: string
  readonly files: Files
  /** `path:line` of each finding; none when the sample is allowed. */
  readonly at: readonly string[]
}

const SAMPLES: readonly Sample[] = [
  { rule: IMPORTS, why: 'the arrows of the design', files: WORKSPACES, at: [] },
  {
    rule: IMPORTS,
    why: 'cloud importing chip',
    files: inCloud("import { chip } from '@b/chip/chip'"),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a way past a front door of another workspace',
    files: inCloud("import { a } from '@b/foundation/kernel/a.ts'"),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a relative way into another workspace',
    files: inCloud("import { a } from '../../foundation/kernel/index.ts'"),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a relative way out of the workspaces',
    files: withFiles({ 'tools/a.ts': '', ...inCloud("import '../../../tools/a.ts'") }),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a package that is not declared',
    files: inCloud("import { b } from 'left-pad'"),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a file that is not there',
    files: inCloud("import { b } from './gone.ts'"),
    at: ['packages/cloud/front/index.ts:3'],
  },
  {
    rule: IMPORTS,
    why: 'a way past the front door of another room',
    files: withFiles({ 'packages/chip/chip/chip.ts': "import { bus } from '../bus/bus.ts'" }),
    at: ['packages/chip/chip/chip.ts:1'],
  },
  {
    rule: IMPORTS,
    why: 'a room reaching into its own adapters',
    files: withFiles({ 'packages/chip/bus/adapters/b.ts': '', 'packages/chip/bus/c.ts': "import './adapters/b.ts'" }),
    at: ['packages/chip/bus/c.ts:1'],
  },
  {
    rule: IMPORTS,
    why: 'what ships importing what is for tests',
    files: withFiles({ 'packages/chip/chip/testing/b.ts': '', 'packages/chip/chip/c.ts': "import './testing/b.ts'" }),
    at: ['packages/chip/chip/c.ts:1'],
  },
  {
    rule: IMPORTS,
    why: 'a development dependency in what ships',
    files: withFiles({ 'packages/chip/chip/c.ts': "import fc from 'fast-check'" }),
    at: ['packages/chip/chip/c.ts:1'],
  },
  {
    rule: IMPORTS,
    why: 'a workspace that is declared and not used',
    files: withFiles({ 'packages/cloud/front/index.ts': '' }),
    at: ['packages/cloud/package.json:1'],
  },
  {
    rule: 'no import cycles',
    why: 'a way down',
    files: { 'a.ts': "import './b.ts'", 'b.ts': "import './c.ts'", 'c.ts': '' },
    at: [],
  },
  {
    rule: 'no import cycles',
    why: 'a way round',
    files: { 'a.ts': "import './b.ts'", 'b.ts': "import './c.ts'", 'c.ts': "\nimport type { a } from './a.ts'" },
    at: ['c.ts:2'],
  },
  { rule: 'no file that nobody imports', why: 'files that lead on from a front door', files: WORKSPACES, at: [] },
  {
    rule: 'no file that nobody imports',
    why: 'a file that only a test imports',
    files: withFiles({ 'packages/cloud/front/b.ts': '', 'packages/cloud/front/b.test.ts': "import './b.ts'" }),
    at: ['packages/cloud/front/b.ts:1'],
  },
  {
    rule: 'no file that nobody imports',
    why: 'processes that are started by their path',
    files: withFiles({
      'packages/cli/package.json': manifest('b', []),
      'packages/cli/bin/b.js': "await import('../main.ts')",
      'packages/cli/main.ts': "spawn(new URL('./child.ts', import.meta.url))",
      'packages/cli/child.ts': '',
    }),
    at: [],
  },
  {
    rule: 'no file that nobody imports',
    why: 'a tool that only its test imports',
    files: { 'tools/x/a.ts': '', 'tools/x/a.test.ts': "import './a.ts'" },
    at: [],
  },
  { rule: UNUSED_EXPORT, why: 'exports that are imported', files: WORKSPACES, at: [] },
  {
    rule: UNUSED_EXPORT,
    why: 'an export that is not',
    files: inRoom('\nexport function b() {}'),
    at: ['packages/cloud/front/front.ts:2'],
  },
  {
    rule: UNUSED_EXPORT,
    why: 'a type that its own file uses, a fault table and a limit',
    files: inRoom('export type B = 1\nlet b: B\nexport const B_FAULTS = {}\nexport const B_COUNT_MAX = 1'),
    at: [],
  },
  { rule: 'no function above 70 lines', why: '70 lines', files: { 'a.ts': `function f() {\n${lines(68)}}` }, at: [] },
  {
    rule: 'no function above 70 lines',
    why: '71 lines',
    files: { 'a.ts': `\nfunction f() {\n${lines(69)}}` },
    at: ['a.ts:2'],
  },
  { rule: 'no file above 400 lines', why: '400 lines', files: { 'a.ts': lines(400) }, at: [] },
  { rule: 'no file above 400 lines', why: '401 lines', files: { 'a.ts': lines(401) }, at: ['a.ts:401'] },
  {
    rule: 'no line above 120 characters',
    why: '120 characters, whatever their size',
    files: { 'a.ts': `\n${'😀'.repeat(120)}` },
    at: [],
  },
  {
    rule: 'no line above 120 characters',
    why: '121 characters',
    files: { 'a.ts': `\n${'a'.repeat(121)}` },
    at: ['a.ts:2'],
  },
  {
    rule: TIME,
    why: 'the machine’s own',
    files: inRoom('Date.now()\nnew Date( )\nMath.random()\nsetTimeout(f)\nsetInterval(f)'),
    at: [1, 2, 3, 4, 5].map((line) => `packages/cloud/front/front.ts:${line}`),
  },
  { rule: TIME, why: 'a date that is given', files: inRoom('new Date(now)\nclearTimeout(a)'), at: [] },
  {
    rule: TIME,
    why: 'the system room, tests and tools',
    files: {
      'packages/foundation/system/a.ts': 'Date.now()',
      'packages/cloud/a.test.ts': 'Date.now()',
      'tools/a.ts': 'Date.now()',
    },
    at: [],
  },
  {
    rule: TIME,
    why: 'a test of a pure room',
    files: { ...PURE, 'packages/cloud/mqtt/a.test.ts': 'Date.now()' },
    at: ['packages/cloud/mqtt/a.test.ts:1'],
  },
  {
    rule: 'process.env only where the command reads it',
    why: 'a library',
    files: inRoom('process.env'),
    at: ['packages/cloud/front/front.ts:1'],
  },
  {
    rule: 'process.env only where the command reads it',
    why: 'the command',
    files: { 'packages/cli/access.ts': 'process.env' },
    at: [],
  },
  {
    rule: 'console only in the command',
    why: 'a library',
    files: inRoom('console.log(1)'),
    at: ['packages/cloud/front/front.ts:1'],
  },
  {
    rule: 'console only in the command',
    why: 'the command, and words',
    files: { 'packages/cli/a.ts': 'console.log(1)', ...inRoom('// console.log') },
    at: [],
  },
  {
    rule: ESCAPES,
    why: 'each way out',
    files: inRoom('a as any\na as unknown as B\na!.b\nf(a)!\na[0]!\na!, b'),
    at: [1, 2, 3, 4, 5, 6].map((line) => `packages/cloud/front/front.ts:${line}`),
  },
  {
    rule: ESCAPES,
    why: 'what only looks like one',
    files: inRoom("!a\na !== b\na != b\nif (!a) b\n'a!'\na as unknown"),
    at: [],
  },
  {
    rule: 'suppressions say why',
    why: 'none',
    files: inRoom('// @ts-expect-error\n/* @ts-ignore */\n// oxlint-disable-next-line x\n// biome-ignore format'),
    at: [1, 2, 3, 4].map((line) => `packages/cloud/front/front.ts:${line}`),
  },
  {
    rule: 'suppressions say why',
    why: 'a reason',
    files: inRoom(
      '// @ts-expect-error not assignable\n// oxlint-disable-next-line x -- because\n// biome-ignore format: because',
    ),
    at: [],
  },
  { rule: DOCSTRINGS, why: 'what is written', files: WORKSPACES, at: [] },
  {
    rule: DOCSTRINGS,
    why: 'none, or a comment of another kind',
    files: inCloud('export const b = 1\n// Is one.\nexport const c = 1\nexport { front } from "./f.ts"'),
    at: ['packages/cloud/front/index.ts:3', 'packages/cloud/front/index.ts:5'],
  },
  {
    rule: DOCSTRINGS,
    why: 'an overload, a fault table, what is not handed out',
    files: {
      ...inCloud('/** F. */\nexport function f(a: 1): 1\nexport function f(a: 2): 2\nexport const A_FAULTS = {}'),
      ...inRoom('export const b = 1'),
    },
    at: [],
  },
  { rule: CODES, why: 'a code that is raised', files: inRoom(`${FAULT_TABLE}throw aFault('A_BAD')`), at: [] },
  {
    rule: CODES,
    why: 'a code that only a test expects',
    files: { ...inRoom(FAULT_TABLE), 'packages/cloud/front/a.test.ts': "'A_BAD'" },
    at: ['packages/cloud/front/front.ts:2'],
  },
  {
    rule: CODES,
    why: 'a code in two tables',
    files: { ...inRoom(`${FAULT_TABLE}throw aFault('A_BAD')`), 'packages/cloud/front/z.ts': FAULT_TABLE },
    at: ['packages/cloud/front/z.ts:2'],
  },
  {
    rule: 'open ends have a number',
    why: 'none',
    files: inRoom('a()\n// TODO: later\n/* FIXME */'),
    at: ['packages/cloud/front/front.ts:2', 'packages/cloud/front/front.ts:3'],
  },
  {
    rule: 'open ends have a number',
    why: 'a number and a reason',
    files: inRoom("// TODO(#7): when there are two\n'TODO'"),
    at: [],
  },
  { rule: TITLE, why: 'one, and a comment in a fence', files: { 'a.md': '# A\n```sh\n# b\n```\n## C' }, at: [] },
  { rule: TITLE, why: 'none', files: { 'a.md': 'A' }, at: ['a.md:1'] },
  { rule: TITLE, why: 'two', files: { 'a.md': '# A\n\n# B' }, at: ['a.md:3'] },
  {
    rule: LINKS,
    why: 'files, folders, anchors, the web, samples',
    files: {
      'd/a.md': '[a](../d/b.md#c) [b](../d/) [c](#x) [d](https://e.example/) \n```\n[e](gone.md)\n```',
      'd/b.md': '',
    },
    at: [],
  },
  {
    rule: LINKS,
    why: 'a file that is not there',
    files: { 'd/a.md': 'A\n[b](b.md) and [c](../c/d.md)' },
    at: ['d/a.md:2', 'd/a.md:2'],
  },
  {
    rule: WORDS,
    why: 'paths and hosts',
    files: {
      'a.md': [
        ['', 'home', 'me'],
        ['', 'root', '.npm'],
        ['https:', '', 'npm-registry.corp.example', 'a'],
      ]
        .map((parts) => parts.join('/'))
        .join('\n'),
    },
    at: ['a.md:1', 'a.md:2', 'a.md:3'],
  },
  {
    rule: WORDS,
    why: 'relative paths, routes and the public registry',
    files: { 'a.md': ['./home/me', 'v1/root/a', `https://registry.${'npmjs'}.org/a`, '/workspaces'].join('\n') },
    at: [],
  },
]
for (const { rule, why, files, at } of SAMPLES) {
  test(`${rule}: ${at.length === 0 ? 'allows' : 'refuses'} ${why}`, () => {
    const findings = ruleNamed(rule).check(treeOf(files))
    assert.deepEqual(
      findings.map(({ path, line }: Finding) => `${path}:${line}`),
      at,
      JSON.stringify(findings),
    )
  })
}

test('every rule has a sample that it refuses and one that it allows', () => {
  for (const { name } of RULES) {
    const own = SAMPLES.filter(({ rule }) => rule === name)
    assert.ok(own.some(({ at }) => at.length > 0) && own.some(({ at }) => at.length === 0), name)
  }
})

function ruleNamed(name: string): Rule {
  const rule = RULES.find((candidate) => candidate.name === name)
  assert.ok(rule, name)
  return rule
}
