import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { loadScope } from './account.ts'

test('an account is made once, and later starts keep it and its region', async (context) => {
  const folder = await scratchFolder(context)
  const first = loadScope(folder, 'eu-central-1', systemEntropy)
  assert.match(first.account, /^[1-9]\d{11}$/)
  assert.deepEqual(loadScope(folder, 'us-east-1', systemEntropy), { account: first.account, region: 'eu-central-1' })
  assert.equal(statSync(join(folder, 'account.json')).mode & 0o777, 0o600)
})

const REFUSED: readonly [text: string, why: RegExp][] = [
  ['', /not JSON/],
  ['{', /not JSON/],
  ['null', /missing/],
  ['{"account":"123456789012"}', /missing/],
  ['{"account":123456789012,"region":"x"}', /12 digits/],
  ['{"account":"12345678901","region":"x"}', /12 digits/],
  ['{"account":"123456789012","region":"X Y"}', /region name/],
  ['{"account":"123456789012","region":7}', /region name/],
]
for (const [text, why] of REFUSED) {
  test(`a file that holds ${text || 'nothing'} is refused and stays as it is`, async (context) => {
    const folder = await scratchFolder(context)
    const path = join(folder, 'account.json')
    writeFileSync(path, text)
    assert.throws(
      () => loadScope(folder, 'x', systemEntropy),
      (error) => isFault(error, 'SERVER_FILE_DAMAGED') && why.test(error.message),
    )
    assert.equal(readFileSync(path, 'utf8'), text)
  })
}

test('arbitrary text is an account or a declared fault, nothing else', async (context) => {
  const folder = await scratchFolder(context)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      writeFileSync(join(folder, 'account.json'), text)
      try {
        assert.match(loadScope(folder, 'x', systemEntropy).account, /^\d{12}$/)
      } catch (error) {
        assert.ok(isFault(error, 'SERVER_FILE_DAMAGED'), String(error))
      }
    }),
  )
})
