import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a maker makes a key and signs an order, and everybody with the public half can check it', async (t) => {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('pass'), 'a passphrase for tests\n')
  writeFileSync(file('order.json'), '{"format":"birthmark-work-order/1","id":"PO-1","product":"press","count":5}')
  const pass = ['--passphrase-file', file('pass')]
  const newKey = ['order', 'key', '--out', file('key.pem'), '--public-out', file('maker.pem'), ...pass]
  await succeed(newKey)
  await failsPlainly(newKey, { code: 'KEY_FILE_TAKEN', says: /would be gone for good/ })
  assert.match(readFileSync(file('key.pem'), 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
  assert.equal(statSync(file('key.pem')).mode & 0o777, 0o600)
  const order = ['--work-order', file('order.json'), '--out', file('signed.json')]
  await succeed(['order', 'sign', ...order, '--key', file('key.pem'), ...pass])

  const check = ['order', 'check', '--work-order', file('signed.json')]
  const checked = await succeed([...check, '--maker-key', file('maker.pem')])
  assert.deepEqual(checked, { id: 'PO-1', product: 'press', count: 5, signed: true })
  await failsPlainly(check, { code: 'ORDER_MAKER_NOT_PINNED', says: /no maker key/ })
  const wrong = [...check, '--maker-key', file('order.json')]
  await failsPlainly(wrong, { code: 'ORDER_MAKER_KEY_UNFIT', says: /maker key cannot be used/ })
})

async function succeed(words: readonly string[]): Promise<unknown> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}
