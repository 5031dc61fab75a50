/** A station that works without its authority, with a CA whose key is in a token of its own; openssl judges it. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createCsr, parseCertificates, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthorityHsm } from '../testkit/authority-hsm.ts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a station signs through a sealed CA, openssl holds it to its names, and its account is checked', async (t) => {
  const hsm = await newAuthorityHsm(t)
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('pass'), 'a passphrase for tests\n')
  const root = ['--data', file('root'), '--passphrase-file', file('pass')]
  await succeed('ca', 'new', ...root, '--name', 'Vendor', '--root-only')
  const station = ['--data', file('station')]
  const key = ['--key', hsm.uri('station ca'), '--name', 'Station 7', '--certificates-max', '4']
  await succeed('ca', 'request', ...station, ...key, '--out', file('station.csr'))
  const bounds = ['--count', '3', '--hours', '2', '--organization', 'Acme']
  const sealed = await succeed('ca', 'seal', ...root, '--csr', file('station.csr'), ...bounds, '--out', file('ca.pem'))
  await succeed('ca', 'accept', ...station, '--certificate', file('ca.pem'))
  writeFileSync(file('acme.json'), JSON.stringify(PROFILE))
  await succeed('ca', 'profile', 'add', file('acme.json'), ...station)

  writeFileSync(file('order.json'), JSON.stringify(ORDER))
  const where = ['--authority', file('station'), '--data', file('line'), '--passphrase-file', file('pass')]
  await succeed('line', 'run', '--work-order', file('order.json'), ...where, '--virtual', '3')
  const made = parseCertificates(readFileSync(file('line/certificates.pem'), 'utf8'))
  assert.equal(made.length, 3)
  for (const [at, certificate] of made.entries()) {
    writeFileSync(file(`${at}.pem`), certificate.toPem())
    assert.match(await verify(file, `${at}.pem`), /: OK/)
  }
  // Whoever gets the devices holds them to the same names.
  const trust = ['--format', 'pem', '--ca', file('station/issuing.pem')]
  await succeed('manifest', 'check', file('line/certificates.pem'), ...trust)
  await succeed('ca', 'account', ...station, '--out', file('account.jsonl'))
  const account = await succeed('ca', 'reconcile', ...root, '--account', file('account.jsonl'))
  assert.deepEqual([account['serial'], account['issued'], account['left']], [sealed['serial'], 3, 0])

  const stranger = { subject: [{ type: 'CN', value: 'x' }], signer: await SoftwareSigner.generate('ecdsa-p256-sha256') }
  writeFileSync(file('x.csr'), toPem('CERTIFICATE REQUEST', await createCsr(stranger)))
  await succeed('ca', 'issue', ...station, '--csr', file('x.csr'), '--out', file('x.pem'))
  assert.match(await verify(file, 'x.pem'), /permitted subtree violation/)
  const { status, stdout } = await runBirthmark(['manifest', 'check', file('x.pem'), ...trust, '--json'])
  assert.equal(status, 1)
  assert.match(stdout, /the certificate of CN=x has this subject, which the CA [^"]*Station 7[^"]* may not certify/)
  await succeed('ca', 'account', ...station, '--out', file('account.jsonl'))
  const reconcile = ['ca', 'reconcile', ...root, '--account', file('account.jsonl')]
  await failsPlainly(reconcile, {
    code: 'SEALED_CA_OVERUSED',
    says: /is revoked: [0-9a-f]{32} is not named under Acme/,
  })
  const { sealed: states } = await succeed('ca', 'sealed', ...root)
  assert.match(JSON.stringify(states), /"broken":"/)
  await succeed('ca', 'crl', ...root, '--out', file('list.pem'))
  const { output } = await runProgram('openssl', ['crl', '-in', file('list.pem'), '-noout', '-text'])
  assert.match(output, new RegExp(`Serial Number: ${String(sealed['serial'])}`, 'i'))
})

async function verify(file: (name: string) => string, leaf: string): Promise<string> {
  const words = ['-x509_strict', '-CAfile', file('root/root.pem'), '-untrusted', file('ca.pem'), file(leaf)]
  return (await runProgram('openssl', ['verify', ...words])).output
}

async function succeed(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}

const PROFILE = {
  format: 'birthmark-profile/1',
  name: 'acme',
  subject: [
    { type: 'O', value: 'Acme' },
    { type: 'CN', value: '{product}-{uidHash}' },
    { type: 'serialNumber', value: '{uid}' },
  ],
}

const ORDER = { format: 'birthmark-work-order/2', id: 'PO-1', product: 'press', count: 3, profile: 'acme' }
