/** What docs/reference/profiles.md says of the rules is what the code does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BUILT_IN, CheckedProfile } from '@birthmark/factory/authority'
import { CERTIFICATE_LINTS, PROFILE_LINTS, REQUEST_LINTS } from '@birthmark/foundation/x509'

const page = readFileSync(new URL('../../docs/reference/profiles.md', import.meta.url), 'utf8')

test('every rule stands in the table with its source, in order, and no other does', () => {
  const rows = [...PROFILE_LINTS, ...REQUEST_LINTS, ...CERTIFICATE_LINTS].map(
    ({ rule, otherwise, source }) => `| \`${rule}\` | ${otherwise} | ${source} |`,
  )
  const [, rules = ''] = page.split('## Rules')
  assert.deepEqual(
    [...rules.matchAll(/^\| `.*$/gm)].map(([row]) => row),
    rows,
  )
})

test('every profile built in stands in its table, and the example is a sound profile', () => {
  const names = [...page.matchAll(/^\| `([a-z-]+)` \| .* \| .* \| .* \| .* \| .* \|$/gm)].map(([, name]) => name)
  assert.deepEqual(new Set(names), new Set(Object.keys(BUILT_IN)))
  const [, example = ''] = /^```json\n(.*?)^```$/ms.exec(page) ?? []
  assert.equal(CheckedProfile.parse(example).name, 'acme-meter')
})
