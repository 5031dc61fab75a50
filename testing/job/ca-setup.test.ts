/** CAs of several companies, by the command alone: files go from one folder to the other. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a root, its intermediate, a customer’s issuing CA: requests go out, certificates come back', async (t) => {
  const { file, on } = await place(t)
  await succeed('ca', 'new', ...on('root'), '--name', 'Vendor', '--root-only', '--algorithm', 'p384')
  await succeed('ca', 'request', ...on('mid'), '--name', 'Vendor', '--signs', 'cas', '--out', file('mid.csr'))
  const sign = ['ca', 'sign', ...on('root'), '--csr', file('mid.csr'), '--out', file('mid.pem')]
  await succeed(...sign, '--profile', 'intermediate-ca')
  await succeed('ca', 'accept', ...on('mid'), '--certificate', file('mid.pem'))
  await succeed('ca', 'request', ...on('acme'), '--name', 'Acme', '--customer', 'Borealis', '--out', file('acme.csr'))
  await succeed('ca', 'sign', ...on('mid'), '--csr', file('acme.csr'), '--out', file('acme.pem'))
  const accepted = await succeed('ca', 'accept', ...on('acme'), '--certificate', file('acme.pem'))
  assert.deepEqual(Object(accepted['issuing']).subject, 'CN=Acme Issuing CA for Borealis,O=Acme')
  writeFileSync(file('meter.csr'), await csrPem())
  const issue = ['--csr', file('meter.csr'), '--out', file('meter.pem')]
  await succeed('ca', 'issue', ...on('acme'), ...issue)
  const [leaf, ...above] = [
    file('meter.pem'),
    file('acme/issuing.pem'),
    file('acme/chain.pem'),
    file('acme/root.pem'),
  ].map((path) => new X509Certificate(readFileSync(path)))
  for (const issuer of above) assert.ok(issuer.ca)
  assert.ok(leaf && above[0] && leaf.verify(above[0].publicKey))
  await failsPlainly(['ca', 'issue', ...on('root'), ...issue], {
    code: 'AUTHORITY_PURPOSE_OTHER',
    says: /signs CAs only/,
  })
  await failsPlainly(['ca', 'accept', ...on('acme'), '--certificate', file('mid.pem')], {
    code: 'CA_REQUEST_MISSING',
    says: /no certificate is awaited/i,
  })
})

test('a profile is checked, added, listed, and issued under; a bad one is refused with rule and source', async (t) => {
  const { file, on } = await place(t)
  const profile = {
    format: 'birthmark-profile/1',
    name: 'meter',
    base: 'idevid',
    subject: [
      { type: 'O', value: 'Acme' },
      { type: 'serialNumber', value: '{request.serialNumber}' },
    ],
    policies: ['1.3.6.1.4.1.99999.2'],
  }
  writeFileSync(file('meter.json'), JSON.stringify(profile))
  const checked = await succeed('ca', 'profile', 'check', file('meter.json'))
  assert.deepEqual(checked, { profile: 'meter', keys: ['ec-p256', 'ec-p384', 'rsa'], findings: [] })
  await succeed('ca', 'new', ...on('ca'))
  await succeed('ca', 'profile', 'add', file('meter.json'), '--data', file('ca'))
  const listed = await succeed('ca', 'profile', 'list', '--data', file('ca'))
  assert.match(JSON.stringify(listed), /"profile":"idevid","builtIn":true.*"profile":"meter","builtIn":false/)
  writeFileSync(file('meter.csr'), await csrPem())
  const issue = ['ca', 'issue', ...on('ca'), '--csr', file('meter.csr'), '--out', file('meter.pem')]
  await succeed(...issue, '--profile', 'meter')
  const made = new X509Certificate(readFileSync(file('meter.pem')))
  assert.equal(made.subject, 'O=Acme\nserialNumber=0a1b')
  writeFileSync(file('bad.json'), JSON.stringify({ ...profile, validity: { days: 30 } }))
  const finding = { code: 'CA_PROFILE_BREAKS_RULES', says: /idevid-has-no-expiration \(ec-p256\).*802\.1AR/ }
  await failsPlainly(['ca', 'profile', 'check', file('bad.json')], finding)
  await failsPlainly([...issue, '--profile', 'absent'], { code: 'PROFILE_UNKNOWN', says: /no profile absent/ })
})

test('a ceremony is worked through by name, sealed, and verified; a changed transcript is refused', async (t) => {
  const { file } = await place(t)
  const script = {
    format: 'birthmark-ceremony-script/1',
    title: 'The root of Acme',
    present: [{ name: 'Ada', role: 'key holder' }],
    steps: [
      { do: 'confirm', text: 'The machine has no network.' },
      { do: 'make-root', folder: 'root', name: 'Acme', algorithm: 'p384' },
      { do: 'hash', file: 'root/root.pem' },
    ],
  }
  writeFileSync(file('script.json'), JSON.stringify(script))
  const run = ['ca', 'ceremony', 'run', '--script', file('script.json'), '--passphrase-file', file('ca.pass')]
  const birthmark = join(import.meta.dirname, '../../packages/cli/bin/birthmark.js')
  const asked = [birthmark, ...run, '--transcript', file('one.jsonl')]
  const done = await runProgram(process.execPath, asked, 'Ada\nAda\nGrace\n')
  assert.equal(done.status, 0, done.output)
  assert.match(done.output, /Step 2: Make the root of Acme/)
  const verify = ['ca', 'ceremony', 'verify', file('one.jsonl'), '--root', file('root/root.pem')]
  const verified = await succeed(...verify)
  assert.match(JSON.stringify(verified['records']), /"confirmedBy":"Grace"/)
  writeFileSync(file('one.jsonl'), readFileSync(file('one.jsonl'), 'utf8').replace('Grace', 'Frida'))
  await failsPlainly(verify, { code: 'CEREMONY_TRANSCRIPT_REFUSED', says: /from line 6 on/ })
  const again = await runBirthmark([...run, '--transcript', file('two.jsonl'), '--yes', '--json'])
  assert.equal(JSON.parse(again.stdout).error.code, 'AUTHORITY_EXISTS')
  assert.match(readFileSync(file('two.jsonl'), 'utf8'), /nobody was asked \(--yes\).*\n.*\n.*broken-off/s)
  await failsPlainly([...run, '--transcript', file('two.jsonl'), '--yes'], {
    code: 'CEREMONY_TRANSCRIPT_EXISTS',
    says: /a transcript in .* already/,
  })
})

test('ML-DSA-65 is for those who ask for it', async (t) => {
  const { file, on } = await place(t)
  const make = ['ca', 'new', ...on('ca'), '--algorithm', 'ml-dsa-65']
  await failsPlainly(make, { code: 'KEY_ALGORITHM_NOT_ALLOWED', says: /does not allow it/ })
  await succeed(...make, '--allow-ml-dsa', '--certificates-max', '1')
  const signer = await SoftwareSigner.generate('ml-dsa-65')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })
  writeFileSync(file('meter.csr'), toPem('CERTIFICATE REQUEST', csr))
  const issue = ['ca', 'issue', ...on('ca'), '--csr', file('meter.csr'), '--out', file('meter.pem')]
  await succeed(...issue)
  const [leaf, issuing] = [file('meter.pem'), file('ca/issuing.pem')].map(
    (path) => new X509Certificate(readFileSync(path)),
  )
  assert.ok(leaf && issuing && leaf.verify(issuing.publicKey))
  assert.equal(leaf.publicKey.asymmetricKeyType, 'ml-dsa-65')
  await failsPlainly(issue, { code: 'AUTHORITY_USED_UP', says: /may sign 1 certificates/ })
})

async function csrPem(): Promise<string> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const subject = [
    { type: 'CN', value: 'meter-1' },
    { type: 'serialNumber', value: '0a1b' },
  ]
  return toPem('CERTIFICATE REQUEST', await createCsr({ subject, signer }))
}

interface Place {
  readonly file: (name: string) => string
  readonly on: (folder: string) => readonly string[]
}

async function place(t: TestContext): Promise<Place> {
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('ca.pass'), 'a passphrase for tests\n')
  return { file, on: (name) => ['--data', file(name), '--passphrase-file', file('ca.pass')] }
}

async function succeed(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}
