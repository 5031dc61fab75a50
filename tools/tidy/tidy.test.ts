/** Holds every rule against the repository as it is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatFinding } from './rule.ts'
import { RULES } from './rules/index.ts'
import { readTree } from './tree.ts'

const tree = readTree(join(import.meta.dirname, '../..'))

for (const rule of RULES) {
  test(rule.name, () => {
    const findings = rule.check(tree).map(formatFinding)
    assert.ok(findings.length === 0, `\n${findings.join('\n')}`)
  })
}
