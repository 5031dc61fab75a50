/** The chip's certificate requests, keys and signatures in the eyes of the openssl command. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('openssl takes the request, the key and the signature that a chip made', async (t) => {
  const folder = await scratchFolder(t)
  const [chip, key, request, message, signature] = ['chip', 'key', 'csr', 'message', 'signature'].map((name) =>
    join(folder, name),
  ) as [string, string, string, string, string]
  const birthmark = async (...words: string[]): Promise<void> => {
    const { status, stderr } = await runBirthmark(['chip', ...words, '--chip', chip])
    assert.equal(status, 0, stderr)
  }
  await birthmark('new')
  await birthmark('keygen', '0xE0F1', '--out', key)
  await birthmark('csr', '0xE0F1', '--common-name', 'meter-1', '--public-key', key, '--out', request)
  const verified = openssl('req', '-in', request, '-verify', '-noout', '-subject')
  assert.match(verified, /verify OK$/m)
  assert.match(verified, /^subject=CN ?= ?meter-1$/m)
  assert.equal(openssl('req', '-in', request, '-noout', '-pubkey').trim(), openssl('pkey', '-pubin', '-in', key).trim())
  writeFileSync(message, 'a message')
  await birthmark('sign', '0xE0F1', '--in', message, '--out', signature)
  assert.match(openssl('dgst', '-sha256', '-verify', key, '-signature', signature, message), /Verified OK/)
  openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${key}.own`)
  openssl('dgst', '-sha256', '-sign', `${key}.own`, '-out', signature, message)
  openssl('pkey', '-in', `${key}.own`, '-pubout', '-out', key)
  await birthmark('verify', '--in', message, '--signature', signature, '--public-key', key)
})

function openssl(...words: string[]): string {
  const { error, status, stdout, stderr } = spawnSync('openssl', words, { encoding: 'utf8' })
  assert.equal(error, undefined, 'openssl must be installed: apt-get install openssl')
  assert.equal(status, 0, stderr)
  return stdout + stderr
}
