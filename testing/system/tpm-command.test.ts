/** The guide to TPMs as it is written, and what its commands say of files that are not right. Needs swtpm. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CryptokiModule } from '@birthmark/chip/cryptoki/adapters'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { makePkcs11Key, newSwtpm, type TestTpm } from '../testkit/swtpm.ts'

const SUBJECT = [{ type: 'CN', value: 'press-7' }]

/** Makes what the guide says that there is: roots, PIN, and a request that the TPM signed. */
async function prepare(device: TestTpm): Promise<void> {
  const named = makePkcs11Key(device)
  const write = (name: string, text: string): void => writeFileSync(join(device.folder, name), text)
  write('makers.pem', device.root.toPem())
  write('maker-cas.pem', device.issuer.toPem())
  write('pin', `${named.pin}\n`)
  const environment = Object.fromEntries(Object.entries(device.env).map(([name, value]) => [name, value ?? '']))
  const module = await CryptokiModule.open(device.module, { label: named.token, pin: named.pin, environment })
  try {
    const csr = await createCsr({ subject: SUBJECT, signer: await module.signer(named.key) })
    write('device.csr', toPem('CERTIFICATE REQUEST', csr))
  } finally {
    await module.close()
  }
  // The module's process left its key in the TPM.
  device.run('true')
}

test('every command of the guide to TPMs does its work, and a proof serves once', async (t) => {
  const device = await newSwtpm(t)
  await prepare(device)
  const bin = join(device.folder, 'bin')
  mkdirSync(bin)
  const command = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))
  writeFileSync(join(bin, 'npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${command}" "$@"\n`)
  chmodSync(join(bin, 'npx'), 0o755)
  const guide = readFileSync(new URL('../../docs/guides/tpm.md', import.meta.url), 'utf8')
  const blocks = [...guide.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, commands = '']) => commands)
  assert.equal(blocks.length, 5)
  const verify = blocks.at(-1) ?? ''
  const run = (input: string): ReturnType<typeof spawnSync> =>
    spawnSync('sh', ['-eu'], {
      cwd: device.folder,
      env: { ...device.env, PATH: `${bin}:${process.env['PATH'] ?? ''}`, TPM: String(device.port) },
      input,
      encoding: 'utf8',
    })
  const first = run(blocks.slice(0, -1).join(''))
  assert.equal(first.status, 0, String(first.stderr))
  assert.match(String(first.stderr), /IBM SWTPM.*Endorsement rsa-2048: id:00001014 swtpm, by CN=swtpm-localca/s)
  assert.equal(statSync(join(device.folder, 'pending.json')).mode & 0o777, 0o600)

  const second = run(verify)
  assert.equal(second.status, 0, String(second.stderr))
  assert.match(String(second.stdout), /^-----BEGIN PUBLIC KEY-----/)
  assert.match(String(second.stderr), /cannot leave it\.$/m)
  assert.equal(existsSync(join(device.folder, 'pending.json')), false)
  const again = run(verify)
  assert.equal(again.status, 1)
  assert.match(String(again.stderr), /^birthmark: No challenge with this nonce waits for an answer/)
})

test('a request for another key is refused, and what is missing is named', async (t) => {
  const device = await newSwtpm(t)
  await prepare(device)
  const at = (name: string): string => join(device.folder, name)
  const tpm = ['--tpm', String(device.port)]
  const token = ['--store', at('store'), '--token', 'device', '--key', 'device key', '--pin-file', at('pin')]
  const pending = ['--pending', at('pending.json')]
  const anchors = ['--anchors', at('makers.pem'), '--intermediates', at('maker-cas.pem')]
  const documents: Record<string, unknown>[] = []
  for (const words of [
    ['info', ...tpm],
    ['offer', ...tpm, '--kind', 'ec-p384', '--out', at('offer.json')],
    ['challenge', at('offer.json'), ...anchors, ...pending, '--out', at('challenge.json')],
    ['attest', at('challenge.json'), ...tpm, ...token, '--kind', 'ec-p384', '--out', at('proof.json')],
  ]) {
    const ended = await runBirthmark(['tpm', ...words, '--json'])
    assert.equal(ended.status, 0, ended.stdout + ended.stderr)
    documents.push(JSON.parse(ended.stdout))
  }
  assert.deepEqual(
    documents.map(({ document }) => document),
    [undefined, ...['offer', 'challenge', 'proof'].map((name) => `birthmark-tpm-${name}-1`)],
  )
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  writeFileSync(at('other.csr'), toPem('CERTIFICATE REQUEST', await createCsr({ subject: SUBJECT, signer })))
  const other = await runBirthmark(['tpm', 'verify', at('proof.json'), ...pending, '--csr', at('other.csr'), '--json'])
  assert.equal(other.status, 1)
  assert.equal(JSON.parse(other.stdout).error.code, 'TPM_CSR_OTHER_KEY')

  writeFileSync(at('nonsense'), '{')
  await failsPlainly(['tpm', 'verify', at('nonsense'), ...pending], {
    code: 'TPM_DOCUMENT_INVALID',
    says: /not JSON at line 1/,
  })
  const offer = ['tpm', 'challenge', at('none'), ...anchors, ...pending]
  await failsPlainly(offer, { code: 'TPM_INPUT_MISSING', says: /There is no file .*none/i })
  const nowhere = ['tpm', 'info', '--tpm', at('nowhere')]
  await failsPlainly(nowhere, { code: 'TPM_UNREACHABLE', says: /No TPM answers at .*ENOENT/ })
})
