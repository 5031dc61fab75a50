import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** A comma is missing at the end of the second line. */
const BROKEN = '{\n  "format": "birthmark"\n  "id": 1\n}\n'

/** Each command is given the file `wrong.json`. */
const COMMANDS: readonly (readonly [code: string, ...words: string[]])[] = [
  ['ORDER_INVALID', 'order', 'check', '--work-order', 'wrong.json'],
  ['PROFILE_INVALID', 'ca', 'profile', 'check', 'wrong.json'],
  ['PROOF_INVALID', 'ledger', 'check-proof', 'wrong.json', '--writer-key', 'maker.pem'],
  ['CEREMONY_SCRIPT_INVALID', 'ca', 'ceremony', 'run', '--script', 'wrong.json', '--transcript', 't.jsonl'],
  ['TPM_DOCUMENT_INVALID', 'tpm', 'verify', 'wrong.json', '--pending', 'pending.json'],
  ['FUNCTION_EVENT_INVALID', 'functions', 'invoke', 'allow', '--event', 'wrong.json'],
]
for (const [code, ...words] of COMMANDS) {
  test(`${words.slice(0, 3).join(' ')} says where a file is no JSON`, async (t) => {
    const file = await place(t)
    writeFileSync(file('wrong.json'), BROKEN)
    const named = words.map((word) => (/\.(?:json|pem|jsonl)$/.test(word) ? file(word) : word))
    const says = /\/wrong\.json.* not JSON at line 3, column 3: a comma or \} is expected\. /
    await failsPlainly(named, { code, says })
  })
}

test('settings, manifests and lines of them say it as well', async (t) => {
  const file = await place(t)
  mkdirSync(file('ca'))
  writeFileSync(file('ca/authority.json'), BROKEN)
  const show = ['ca', 'show', '--data', file('ca'), '--passphrase-file', file('pass')]
  const place3 = 'not JSON at line 3, column 3: a comma or \\} is expected'
  await failsPlainly(show, { code: 'SETTINGS_INVALID', says: new RegExp(`ca/authority\\.json .*: this is ${place3}`) })
  writeFileSync(file('wrong.jsonl'), '{"format":"birthmark-manifest/1",}\n')
  const check = ['manifest', 'check', file('wrong.jsonl'), '--format', 'birthmark', '--any-issuer']
  const says = /\/wrong\.jsonl: line 1 of the manifest is wrong: this is not JSON at line 1, column 34: no comma may/
  await failsPlainly(check, { code: 'MANIFEST_INVALID', says })
})

test('a key that is given in place of a document, or of another key, is named and never shown', async (t) => {
  const file = await place(t)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(file('secret.pem'), pem)
  const secret = pem.toString().split('\n')[1] ?? ''
  const order = ['order', 'check', '--work-order', file('secret.pem')]
  for (const [words, says] of [
    [order, /secret\.pem: the work order cannot be used: this is not JSON at line 1, column 1: a value is expected/],
    [['order', 'check', '--work-order', file('pass'), '--maker-key', file('secret.pem')], /secret\.pem: the maker key/],
  ] as const) {
    const { stderr, status } = await runBirthmark([...words, '--trace'])
    assert.equal(status, 1)
    assert.match(stderr, says)
    assert.ok(secret.length > 20 && !stderr.includes(secret.slice(0, 20)), stderr)
  }
})

/** A folder with a maker's public key and a passphrase. */
async function place(t: Parameters<typeof scratchFolder>[0]): Promise<(name: string) => string> {
  const folder = await scratchFolder(t)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(join(folder, 'maker.pem'), publicKey.export({ format: 'pem', type: 'spki' }))
  writeFileSync(join(folder, 'pass'), 'a passphrase\n')
  return (name) => join(folder, name)
}
