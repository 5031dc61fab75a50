import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { failsPlainly, runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('an authority is made, issues, proves, revokes and lists, each command with one document', async (t) => {
  const { folder, on } = await place(t)
  const made = await succeed(['ca', 'new', ...on, '--name', 'Acme Chips', '--json'])
  assert.equal(made['issued'], 0)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter-1' }], signer })
  writeFileSync(join(folder, 'meter.csr'), toPem('CERTIFICATE REQUEST', csr))
  const file = (name: string): string => join(folder, name)

  const issued = await succeed(['ca', 'issue', ...on, '--csr', file('meter.csr'), '--out', file('meter.pem'), '--json'])
  const issuing = new X509Certificate(readFileSync(join(folder, 'ca', 'issuing.pem')))
  assert.ok(new X509Certificate(readFileSync(file('meter.pem'))).verify(issuing.publicKey))
  assert.equal(issued['subject'], 'CN=meter-1')

  const code = '0123456789abcdef'.repeat(4)
  const words = ['ca', 'prove', ...on, '--registration-code', code, '--out', file('proof.pem')]
  await succeed([...words, '--json'])
  assert.equal(new X509Certificate(readFileSync(file('proof.pem'))).subject, `CN=${code}`)

  const reason = ['--reason', 'keyCompromise']
  await succeed(['ca', 'revoke', ...on, '--certificate', file('meter.pem'), ...reason, '--json'])
  assert.deepEqual(await succeed(['ca', 'crl', ...on, '--out', file('list.pem'), '--json']), {
    crl: file('list.pem'),
    revoked: 1,
  })
  assert.match(readFileSync(file('list.pem'), 'utf8'), /^-----BEGIN X509 CRL-----\n/)
  const shown = await succeed(['ca', 'show', ...on, '--json'])
  assert.deepEqual([shown['issued'], shown['revokedCount']], [2, 1])
  assert.match(JSON.stringify(shown['revoked']), new RegExp(`^.."serial":"${String(issued['serial'])}".*keyCompromise`))
})

test('a certificate is revoked by the process that serves the authority; of many a page is shown', async (t) => {
  const { folder, on } = await place(t)
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })
  writeFileSync(join(folder, 'meter.csr'), toPem('CERTIFICATE REQUEST', csr))
  await succeed(['ca', 'new', ...on, '--json'])
  const serials: string[] = []
  for (const name of ['a', 'b', 'c']) {
    const out = ['--csr', join(folder, 'meter.csr'), '--out', join(folder, `${name}.pem`)]
    serials.push(String((await succeed(['ca', 'issue', ...on, ...out, '--json']))['serial']))
  }
  const socket = join(folder, 'ca.sock')
  const server = startBirthmark(['ca', 'serve', ...on, '--socket', socket, '--json'])
  await server.said(/"ready":true/)
  const revoke = ['ca', 'revoke', '--socket', socket, '--serial']
  for (const serial of serials) assert.equal((await succeed([...revoke, serial, '--json']))['serial'], serial)
  await failsPlainly([...revoke, serials[0] ?? ''], { code: 'CERTIFICATE_REVOKED', says: /revoked/ })
  await failsPlainly([...revoke, '40'], { code: 'CERTIFICATE_NOT_OURS', says: /number 40/ })
  await failsPlainly([...revoke, '40', ...on], { code: 'CA_AUTHORITY_NOT_NAMED', says: /or two/ })
  await stopsInOrder(server)
  await failsPlainly([...revoke, '40'], { code: 'CA_SOCKET_UNREACHABLE', says: /no authority answers/i })

  const page = await succeed(['ca', 'show', ...on, '--revoked', '1', '--skip', '1', '--json'])
  const [second] = [page['revoked']].flat()
  assert.deepEqual([page['revokedCount'], Object(second).serial], [3, serials[1]])
  const { stderr } = await runBirthmark(['ca', 'show', ...on, '--revoked', '1'])
  assert.match(stderr, /and 2 revoked before these: --skip 1 shows them/)
})

test('what cannot be done is said plainly', async (t) => {
  const { folder, on } = await place(t)
  await failsPlainly(['ca', 'show', ...on], { code: 'AUTHORITY_MISSING', says: /no authority in/ })
  await succeed(['ca', 'new', ...on, '--json'])
  await failsPlainly(['ca', 'new', ...on], { code: 'AUTHORITY_EXISTS', says: /something in .* already/ })
  await failsPlainly(['ca', 'revoke', ...on, '--serial', '40'], { code: 'CERTIFICATE_NOT_OURS', says: /number 40/ })
  await failsPlainly(['ca', 'revoke', ...on], { code: 'CA_CERTIFICATE_NOT_NAMED', says: /or two/ })
  const out = ['--out', join(folder, 'out.pem')]
  const absent = ['--csr', join(folder, 'absent.csr')]
  await failsPlainly(['ca', 'issue', ...on, ...absent, ...out], { code: 'CA_INPUT_MISSING', says: /absent.csr/ })
  writeFileSync(join(folder, 'ca.pass'), 'another\n')
  await failsPlainly(['ca', 'show', ...on], { code: 'AUTHORITY_PASSPHRASE_WRONG', says: /does not open/ })
  writeFileSync(join(folder, 'ca.pass'), '\n')
  await failsPlainly(['ca', 'show', ...on], { code: 'PASSPHRASE_FILE_EMPTY', says: /no passphrase/ })
})

async function place(t: TestContext): Promise<{ readonly folder: string; readonly on: readonly string[] }> {
  const folder = await scratchFolder(t)
  writeFileSync(join(folder, 'ca.pass'), 'a passphrase for tests\n')
  return { folder, on: ['--data', join(folder, 'ca'), '--passphrase-file', join(folder, 'ca.pass')] }
}

async function succeed(words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runBirthmark(words)
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}
