import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Fault } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Certificate, DEVICE, Linted, newSerialNumber, ROOT_CA, SoftwareSigner } from '@birthmark/foundation/x509'
import fc from 'fast-check'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { parseManifest } from './parse.ts'
import { writeManifest, writePemBundle } from './write.ts'

const caKey = await SoftwareSigner.generate('ecdsa-p256-sha256')
const ca = await selfSigned('Line CA')
const otherCa = await selfSigned('Another CA')
const certificates = await Promise.all(['a', 'b', 'c'].map((name) => deviceCertificate(name, ca)))
const stranger = await deviceCertificate('stranger', otherCa)
const UIDS = ['00000000000000aa', '00000000000000bb', '00000000000000cc']
const LEDGER = { entries: 10, hash: 'ab'.repeat(32) }
const HEADING = { order: 'PO-1', product: 'press', count: 100, issuer: ca.der }
const devices = UIDS.map((uid, index) => ({ uid, certificate: certificates[index]!.der }))

test('a manifest reads as it was written', async (t) => {
  const manifest = parseManifest(await written(t))
  assert.deepEqual(manifest, {
    heading: HEADING,
    ledger: LEDGER,
    devices: UIDS.map((uid, index) => {
      const { serialNumber: serial, fingerprint, der: certificate } = certificates[index]!
      return { uid, serial, fingerprint, issuer: 'CN=Line CA', certificate }
    }),
  })
})

test('the last line holds the SHA-256 of every byte before it, so that any tool can check it', async (t) => {
  const text = await written(t)
  const last = text.lastIndexOf('\n', text.length - 2) + 1
  const { sha256, devices: count } = JSON.parse(text.slice(last))
  assert.equal(sha256, createHash('sha256').update(text.slice(0, last)).digest('hex'))
  assert.equal(count, 3)
})

test('a manifest may be empty of devices', async (t) => {
  const path = join(await scratchFolder(t), 'manifest.jsonl')
  await writeManifest(path, { heading: HEADING, devices: stream([]), ledger: LEDGER })
  assert.deepEqual(parseManifest(await readFile(path, 'utf8')).devices, [])
})

test('what fails while it is written leaves the file that was there', async (t) => {
  const path = join(await scratchFolder(t), 'manifest.jsonl')
  await writeManifest(path, { heading: HEADING, devices: stream(devices), ledger: LEDGER })
  const before = await readFile(path, 'utf8')
  async function* broken(): AsyncGenerator<(typeof devices)[number]> {
    yield* devices.slice(0, 1)
    throw new Fault('LEDGER_DAMAGED', { blame: 'operator', message: 'planned', remedy: '' })
  }
  await assert.rejects(writeManifest(path, { heading: HEADING, devices: broken(), ledger: LEDGER }), {
    code: 'LEDGER_DAMAGED',
  })
  assert.equal(await readFile(path, 'utf8'), before)
  await assert.rejects(writePemBundle(join(path, 'below'), stream(devices)), { code: 'FILE_UNUSABLE' })
})

type Edit = (lines: readonly string[]) => readonly string[]
const REFUSED: readonly (readonly [why: string, line: number, edit: Edit, says: RegExp])[] = [
  ['nothing', 1, () => [], /heading is missing/],
  ['no heading', 1, (lines) => lines.slice(1), /format is missing/],
  ['another format', 1, replace(0, 'manifest/1', 'manifest/2'), /format must be/],
  ['an issuer that is no certificate', 1, member(0, 'issuer', pem('AQID')), /issuer is not a certificate/],
  ['a device removed', 4, (lines) => lines.toSpliced(2, 1), /counts 3 devices where 2/],
  ['a device twice', 5, (lines) => lines.toSpliced(4, 0, lines[2]!), /device came before/],
  ['a certificate twice', 3, member(2, 'uid', 'ffffffffffffffff', 1), /certificate came before/],
  ['two devices exchanged', 5, (lines) => lines.toSpliced(1, 2, lines[2]!, lines[1]!), /do not match its hash/],
  ['a uid exchanged', 5, replace(2, 'bb', 'dd'), /do not match its hash/],
  ['a uid that is none', 3, member(2, 'uid', 'bb'), /uid must be/],
  ['another serial number', 3, member(2, 'serial', '01'), /serial is not that/],
  ['another fingerprint', 3, member(2, 'fingerprint', 'ab'.repeat(32)), /fingerprint is not that/],
  ['another name of the issuer', 3, member(2, 'issuer', 'CN=Root'), /issuer is not that/],
  ['a certificate that is none', 3, member(2, 'certificate', pem('AQID')), /certificate is not a certificate/],
  [
    'a key in place of a certificate',
    3,
    member(2, 'certificate', 'MIIB'),
    /certificate must be one certificate in PEM/,
  ],
  ['a certificate of another issuer', 3, () => strangerLines(), /of another issuer/],
  ['an unknown member', 3, member(2, 'extra', 1), /"extra" is not known/],
  ['a line that is no JSON', 3, (lines) => lines.with(2, 'x'), /not JSON/],
  ['an empty line', 3, (lines) => lines.toSpliced(2, 0, ''), /not JSON/],
  ['no last line', 5, (lines) => lines.slice(0, -1), /last line, with the hash, is missing/],
  ['another count', 5, replace(4, '"devices":3', '"devices":4'), /counts 4 devices where 3/],
  ['a line after the last', 6, (lines) => [...lines, lines[1]!], /comes after the last line/],
  ['no line feed at the end', 5, (lines) => lines.slice(0, 4).concat(`${lines[4]}`, 'cut'), /line feed/],
]
for (const [why, line, edit, says] of REFUSED) {
  test(`refuses a manifest and names the line: ${why}`, async (t) => {
    const lines = (await written(t)).trimEnd().split('\n')
    const edited = edit(lines)
    const text = edited.at(-1) === 'cut' ? edited.slice(0, -1).join('\n') : edited.map((part) => `${part}\n`).join('')
    assert.throws(
      () => parseManifest(text),
      (error) => {
        assert.ok(error instanceof Fault)
        assert.deepEqual(
          [error.code, error.blame, error.context['line']],
          ['MANIFEST_INVALID', 'peer', line],
          error.message,
        )
        return says.test(error.message)
      },
    )
  })
}

test('a manifest cut off anywhere is refused', async (t) => {
  const text = await written(t)
  for (let length = 0; length < text.length; length += 13) {
    assert.throws(() => parseManifest(text.slice(0, length)), { code: 'MANIFEST_INVALID' })
  }
})

test('arbitrary text gives a manifest or the declared fault', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(fc.json()).map((lines) => lines.map((line) => `${line}\n`).join('')),
      ),
      (text) => {
        assert.throws(() => parseManifest(text), { code: 'MANIFEST_INVALID' })
      },
    ),
  )
})

async function written(t: TestContext): Promise<string> {
  const path = join(await scratchFolder(t), 'manifest.jsonl')
  await writeManifest(path, { heading: HEADING, devices: stream(devices), ledger: LEDGER })
  return readFile(path, 'utf8')
}

async function* stream<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items
}

function replace(index: number, from: string, to: string): Edit {
  return (lines) => lines.with(index, lines[index]!.replace(from, to))
}

/** Sets a member of the line `index`, in what stands on line `of`. */
function member(index: number, name: string, value: unknown, of: number = index): Edit {
  return (lines) => lines.with(index, JSON.stringify({ ...JSON.parse(lines[of]!), [name]: value }))
}

/** The heading of one CA over a device of another, each line right in itself. */
function strangerLines(): readonly string[] {
  const { serialNumber: serial, fingerprint } = stranger
  const heading = { format: 'birthmark-manifest/1', ...HEADING, issuer: ca.toPem() }
  const device = { serial, fingerprint, issuer: 'CN=Another CA', certificate: stranger.toPem() }
  return [heading, { uid: UIDS[0], ...deviceOfLine2() }, { uid: UIDS[1], ...device }].map((line) =>
    JSON.stringify(line),
  )
}

function deviceOfLine2(): object {
  const { serialNumber: serial, fingerprint } = certificates[0]!
  return { serial, fingerprint, issuer: 'CN=Line CA', certificate: certificates[0]!.toPem() }
}

function pem(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

async function selfSigned(name: string): Promise<Certificate> {
  return Linted.lint({
    profile: ROOT_CA,
    subject: [{ type: 'CN', value: name }],
    publicKey: caKey.publicKey,
    issuer: 'self',
    serialNumber: newSerialNumber(systemEntropy),
    now: systemClock.now(),
  }).sign(caKey)
}

async function deviceCertificate(name: string, issuer: Certificate): Promise<Certificate> {
  return Linted.lint({
    profile: DEVICE,
    subject: [{ type: 'CN', value: name }],
    publicKey: (await SoftwareSigner.generate('ecdsa-p256-sha256')).publicKey,
    issuer: { certificate: issuer },
    serialNumber: newSerialNumber(systemEntropy),
    now: systemClock.now(),
  }).sign(caKey)
}
