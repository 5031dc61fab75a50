import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { parseCertificate, parseCertificates, toPem } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { acceptCertificate, requestCertificate } from './ca-exchange.ts'
import { type CeremonyOptions, runCeremony } from './ceremony.ts'
import { parseCeremonyScript } from './ceremony-script.ts'
import { verifyCeremony } from './ceremony-verify.ts'
import { openAuthority } from './open.ts'

const PORTS = { clock: systemClock, entropy: systemEntropy, log: silentLog }
const passphrase = 'a passphrase for tests'
const SCRIPT = {
  format: 'birthmark-ceremony-script/1',
  title: 'The root of Acme Chips',
  present: [
    { name: 'Ada', role: 'holder of the passphrase' },
    { name: 'Grace', role: 'witness' },
  ],
  steps: [
    { do: 'confirm', text: 'The machine has no network.' },
    { do: 'make-root', folder: 'root', name: 'Acme Chips', algorithm: 'p384' },
    { do: 'sign-ca', csr: 'borealis.csr', profile: 'issuing-ca', out: 'borealis.pem' },
    { do: 'hash', file: 'borealis.pem' },
  ],
}

test('a ceremony makes a root, signs a CA, and its transcript says who, what and which hashes', async (t) => {
  const { options, requested } = await prepared(t)
  const asked: string[] = []
  const confirm = async (step: number, what: string): Promise<string> => {
    asked.push(`${step} ${what}`)
    return 'Ada'
  }
  const root = await runCeremony({ ...options, confirm })
  assert.equal(asked.length, 4)
  const text = readFileSync(options.transcriptPath, 'utf8')
  const verified = verifyCeremony(text, root)
  assert.equal(verified.root.fingerprint, root.fingerprint)
  const facts = verified.records.flatMap((record) => (record.kind === 'done' ? record.facts : []))
  const certificates = parseCertificates(readFileSync(join(options.folder, 'borealis.pem'), 'utf8'))
  assert.ok(facts.some(({ value }) => value === certificates[0]?.fingerprint))
  assert.ok(verified.records.some((record) => record.kind === 'begun' && record.confirmedBy === 'Ada'))
  await acceptCertificate({ folder: requested, passphrase, certificates, ...PORTS })
  await (await openAuthority({ folder: requested, passphrase, ...PORTS })).close()
  const again = runCeremony({ ...options, confirm })
  await assert.rejects(again, { code: 'CEREMONY_TRANSCRIPT_EXISTS' })

  // A second ceremony goes on with the root of the first.
  const steps = [{ do: 'open-root', folder: 'root' }, SCRIPT.steps[3]]
  const second = { script: JSON.stringify({ ...SCRIPT, steps }), transcriptPath: `${options.transcriptPath}2` }
  assert.equal((await runCeremony({ ...options, ...second, confirm })).fingerprint, root.fingerprint)
})

test('a changed, shortened or reordered transcript is refused, and the first bad line is named', async (t) => {
  const { options } = await prepared(t)
  const root = await runCeremony(options)
  const text = readFileSync(options.transcriptPath, 'utf8')
  const lines = text.split('\n').slice(0, -1)
  const refused = (changed: readonly string[], line: number): void => {
    const expected = { code: 'CEREMONY_TRANSCRIPT_REFUSED', message: new RegExp(`from line ${line} on`) }
    assert.throws(() => verifyCeremony(`${changed.join('\n')}\n`), expected)
  }
  refused(lines.with(1, lines[1]?.replace('Ada', 'Eve') ?? ''), 2)
  refused(lines.toSpliced(3, 2), 4)
  refused(lines.slice(0, -1), lines.length - 1)
  refused([...lines.slice(0, 3), lines[4] ?? '', lines[3] ?? '', ...lines.slice(5)], 4)
  assert.throws(() => verifyCeremony(text.slice(0, -1)), { code: 'CEREMONY_TRANSCRIPT_REFUSED' })
  const other = await prepared(t)
  const stranger = await runCeremony(other.options)
  assert.throws(() => verifyCeremony(text, stranger), { message: /another root sealed it/ })
  // The seal of another ceremony fits this transcript no more than its chain does.
  const theirs = readFileSync(other.options.transcriptPath, 'utf8').split('\n')
  refused(lines.with(-1, theirs.at(-2) ?? ''), lines.length)
  fc.assert(
    fc.property(fc.nat(text.length - 2), fc.integer({ min: 1, max: 127 }), (at, flip) => {
      const character = String.fromCharCode(text.charCodeAt(at) ^ flip)
      const spoilt = text.slice(0, at) + character + text.slice(at + 1)
      assert.throws(() => verifyCeremony(spoilt, root), { code: 'CEREMONY_TRANSCRIPT_REFUSED' })
    }),
  )
})

test('a step that nobody confirms, or that fails, breaks the ceremony off, and the transcript says so', async (t) => {
  const { options } = await prepared(t)
  const confirm = async (step: number): Promise<string | undefined> => (step < 3 ? 'Ada' : undefined)
  await assert.rejects(runCeremony({ ...options, confirm }), { code: 'CEREMONY_BROKEN_OFF', message: /step 3/ })
  const text = readFileSync(options.transcriptPath, 'utf8')
  assert.match(text, /"kind":"broken-off","step":3,"why":"nobody confirmed the step"/)
  assert.throws(() => verifyCeremony(text), { message: /broken off/ })
  assert.ok(!existsSync(join(options.folder, 'borealis.pem')))

  const failing = await prepared(t)
  writeFileSync(join(failing.options.folder, 'borealis.csr'), 'nothing')
  await assert.rejects(runCeremony(failing.options), { code: 'CSR_UNREADABLE' })
  assert.match(
    readFileSync(failing.options.transcriptPath, 'utf8'),
    /"broken-off","step":3,"why":"borealis.csr: the certificate request/,
  )
})

test('a ceremony makes a root with an ML-DSA-65 key, which seals the transcript', async (t) => {
  const { options } = await prepared(t)
  const [first, make] = SCRIPT.steps
  const script = JSON.stringify({ ...SCRIPT, steps: [first, { ...make, algorithm: 'ml-dsa-65' }] })
  const root = await runCeremony({ ...options, script })
  assert.equal(root.keyAlgorithm, 'ml-dsa-65')
  verifyCeremony(readFileSync(options.transcriptPath, 'utf8'), parseCertificate(root.toPem()))
})

const REFUSED: readonly (readonly [why: string, script: object, says: RegExp])[] = [
  ['nobody present', { present: [] }, /present must name somebody/],
  ['no root', { steps: [SCRIPT.steps[0]] }, /one step that makes or opens the root/],
  ['two roots', { steps: [SCRIPT.steps[1], SCRIPT.steps[1]] }, /one step that makes or opens the root/],
  ['a CA before its root', { steps: [SCRIPT.steps[2], SCRIPT.steps[1]] }, /the root before what it signs/],
  ['a file elsewhere', { steps: [SCRIPT.steps[1], { do: 'hash', file: '../secret' }] }, /below the script's folder/],
  ['a file from the top', { steps: [SCRIPT.steps[1], { do: 'hash', file: '/etc/passwd' }] }, /below the script's/],
  ['an unknown step', { steps: [SCRIPT.steps[1], { do: 'burn' }] }, /steps\[1\].do must be/],
]
for (const [why, change, says] of REFUSED) {
  test(`a script with ${why} is refused`, () => {
    const text = JSON.stringify({ ...SCRIPT, ...change })
    assert.throws(() => parseCeremonyScript(text), { code: 'CEREMONY_SCRIPT_INVALID', message: says })
  })
}

test('any text is a transcript or a declared fault; nothing else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.throws(() => verifyCeremony(text), { code: 'CEREMONY_TRANSCRIPT_REFUSED' })
      assert.throws(() => parseCeremonyScript(text), { code: 'CEREMONY_SCRIPT_INVALID' })
    }),
  )
})

async function prepared(t: TestContext): Promise<{ readonly options: CeremonyOptions; readonly requested: string }> {
  const folder = await scratchFolder(t)
  const requested = join(folder, 'borealis')
  const csr = await requestCertificate({ folder: requested, passphrase, name: [{ type: 'CN', value: 'Borealis CA' }] })
  writeFileSync(join(folder, 'borealis.csr'), toPem('CERTIFICATE REQUEST', csr))
  const options = {
    script: JSON.stringify(SCRIPT),
    folder,
    transcriptPath: join(folder, 'transcript.jsonl'),
    passphrase,
  }
  return { options: { ...options, confirm: () => Promise.resolve('Ada'), ...PORTS }, requested }
}
