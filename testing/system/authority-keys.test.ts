/** Authorities whose keys are in SoftHSM, and CAs that openssl made; openssl judges what they issue. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAuthority, importAuthority, openAuthority, parseKnownSerials } from '@birthmark/factory/authority'
import { isFault, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import {
  type Certificate,
  createCsr,
  parseCertificate,
  parseCertificates,
  readPkcs12,
  SoftwareSigner,
} from '@birthmark/foundation/x509'
import { newAuthorityHsm } from '../testkit/authority-hsm.ts'
import { opensslIn } from '../testkit/openssl.ts'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const PORTS = { clock: systemClock, entropy: systemEntropy, log: silentLog }

for (const [algorithm, generate] of [
  ['ecdsa-p256-sha256', 'ec-p256'],
  ['ecdsa-p384-sha384', 'ec-p384'],
] as const) {
  test(`both keys of an authority live in SoftHSM (${generate}), and openssl verifies what they sign`, async (t) => {
    const hsm = await newAuthorityHsm(t)
    const place = await scratchFolder(t)
    const folder = join(place, 'ca')
    await createAuthority({
      folder,
      rootName: [{ type: 'CN', value: 'HSM Root' }],
      issuingName: [{ type: 'CN', value: 'HSM Issuing CA' }],
      rootKey: { kind: 'pkcs11', uri: hsm.uri('root'), generate },
      issuingKey: { kind: 'pkcs11', uri: hsm.uri('issuing ca'), generate },
      ...PORTS,
    })
    for (const file of ['root.key.pem', 'issuing.key.pem']) assert.ok(!existsSync(join(folder, file)), file)
    assert.match(hsm.tool('--list-objects', '--type', 'privkey'), /issuing ca[^]*never extractable/)
    await issuesWell(t, folder)
    const authority = await openAuthority({ folder, ...PORTS })
    assert.equal(authority.issuing.keyAlgorithm, generate)
    assert.equal(algorithm.includes(generate.slice(3)), true)
    await authority.close()
  })
}

test('the command makes an authority in a PKCS#11 token, and says plainly what keeps it from that', async (t) => {
  const hsm = await newAuthorityHsm(t)
  const place = await scratchFolder(t)
  const keys = ['--root-key', hsm.uri('root'), '--key', hsm.uri('issuing')]
  const at = ['--data', join(place, 'ca')]
  const made = await runBirthmark(['ca', 'new', ...at, '--name', 'Acme', ...keys, '--json'])
  assert.equal(made.status, 0, made.stderr)
  assert.equal(JSON.parse(made.stdout).issuing.subject, 'CN=Acme Issuing CA,O=Acme')
  writeFileSync(hsm.pinFile, '0000\n')
  const wrongPin = { code: 'CRYPTOKI_REFUSED', says: /PIN_INCORRECT/ }
  await failsPlainly(['ca', 'show', ...at], wrongPin)
  const elsewhere = ['--data', join(place, 'ca2'), '--root-only', '--key', 'pkcs11:object=x?pin-value=1']
  await failsPlainly(['ca', 'new', ...elsewhere], { code: 'KEY_URI_INVALID', says: /PIN does not belong/ })
})

test('a line whose CA is in a token asks for the station’s passphrase alone; its desk signs there too', async (t) => {
  const hsm = await newAuthorityHsm(t)
  const place = await scratchFolder(t)
  const at = (name: string): string => join(place, name)
  const succeed = async (...words: string[]): Promise<Record<string, unknown>> => {
    const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
  }
  writeFileSync(at('station.pass'), 'a station of tests\n')
  const order = { format: 'birthmark-work-order/2', id: 'PO-1', product: 'press', count: 5 }
  writeFileSync(at('order.json'), JSON.stringify(order))
  await succeed('ca', 'new', '--data', at('ca'), '--root-key', hsm.uri('root'), '--key', hsm.uri('issuing'))
  const authority = ['--authority', at('ca')]
  const station = ['--data', at('line'), '--station-passphrase-file', at('station.pass')]
  const asked = ['--work-order', at('order.json'), ...authority, ...station]
  const { finished } = await succeed('line', 'run', ...asked, '--virtual', '2')
  assert.equal(finished, 2)

  const allot = ['line', 'allot', ...asked, '--count', '2', '--hours', '1']
  await failsPlainly(allot, { code: 'DESK_KEY_CLOSED', says: /desk-key --key URI/ })
  const deskKey = ['line', 'desk-key', ...authority, '--out', at('desk.pem')]
  await failsPlainly(deskKey, { code: 'DESK_KEY_CLOSED', says: /nothing was named that opens/ })
  await succeed(...deskKey, '--key', hsm.uri('desk'))
  const other = [...deskKey, '--key', hsm.uri('issuing')]
  await failsPlainly(other, { code: 'DESK_KEY_ALREADY_THERE', says: /another key already/ })
  await succeed(...allot)
  const offline = ['--offline', '--desk-key', at('desk.pem'), '--work-order', at('order.json'), ...station]
  const { outcomes } = await succeed('line', 'run', ...offline, '--virtual', '1')
  assert.equal(Object(outcomes).waiting, 1)
})

test('a CA whose RSA key is in a token is imported where it is', async (t) => {
  const hsm = await newAuthorityHsm(t)
  const place = await scratchFolder(t)
  const openssl = opensslIn(place)
  // The token imports the key, as an HSM gets one in a ceremony; its certificate is from before.
  openssl('req -x509 -newkey rsa:2048 -nodes -keyout old.key -out old.pem -subj /CN=OldRsa -days 3650')
  openssl('pkey', '-in', 'old.key', '-outform', 'DER', '-out', 'old.der')
  hsm.tool(
    '--write-object',
    join(place, 'old.der'),
    '--type',
    'privkey',
    '--label',
    'old',
    '--id',
    '01',
    '--usage-sign',
  )
  openssl('pkey', '-in', 'old.key', '-pubout', '-outform', 'DER', '-out', 'pub.der')
  hsm.tool('--write-object', join(place, 'pub.der'), '--type', 'pubkey', '--label', 'old', '--id', '01')
  const folder = join(place, 'ca')
  const certificates = parseCertificates(readFileSync(join(place, 'old.pem'), 'utf8'))
  await importAuthority({ folder, key: { kind: 'pkcs11', uri: hsm.uri('old') }, certificates, ...PORTS })
  await issuesWell(t, folder)
})

const KEYS: readonly (readonly [what: string, generation: readonly string[], form?: 'traditional'])[] = [
  ['EC in PKCS#8', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['EC in its old form', ['ecparam', '-genkey', '-name', 'prime256v1'], 'traditional'],
  ['RSA in PKCS#8', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072']],
  ['RSA in its old form', ['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'], 'traditional'],
  [
    'EC under a passphrase',
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-aes-256-cbc', '-pass', 'pass:secret'],
  ],
]
for (const [what, generation, form] of KEYS) {
  test(`a CA that openssl made is imported from PEM: ${what}`, async (t) => {
    const place = await scratchFolder(t)
    const openssl = opensslIn(place)
    openssl(generation.join(' '), '-out', 'made.key')
    openssl('pkey', '-in', 'made.key', '-out', 'ca.key', ...formOf(generation, form))
    const secret = generation.includes('pass:secret') ? 'secret' : undefined
    const secretWords = secret === undefined ? [] : ['-passin', `pass:${secret}`]
    openssl('req -x509 -new -key ca.key -out ca.pem -subj /O=Old/CN=OldCA -days 3650', ...secretWords)
    const pem = readFileSync(join(place, 'ca.key'), 'utf8')
    const signer = SoftwareSigner.import(pem, secret)
    if (secret !== undefined) {
      assert.throws(() => SoftwareSigner.import(pem, 'another'), { code: 'KEY_PASSPHRASE_WRONG' })
      assert.throws(() => SoftwareSigner.import(pem), { code: 'KEY_UNREADABLE', message: /no passphrase was given/ })
    }
    const folder = join(place, 'ca')
    const certificates = parseCertificates(readFileSync(join(place, 'ca.pem'), 'utf8'))
    await importAuthority({ folder, passphrase: 'words', key: { kind: 'import', signer }, certificates, ...PORTS })
    await issuesWell(t, folder, 'words')
  })
}

/** How openssl can write a PKCS#12 file, and which encryption of certificates that is. */
const PKCS12_FORMS: readonly (readonly [what: string, words: readonly string[]])[] = [
  ['modern: AES-256, PBKDF2, HMAC-SHA-256', []],
  ['legacy: RC2-40 and 3DES, HMAC-SHA-1', ['-legacy']],
  ['RC2-128 and 3DES', ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-3DES']],
  [
    'AES-128, SHA-512, 10,000 rounds',
    ['-certpbe', 'AES-128-CBC', '-keypbe', 'AES-192-CBC', '-macalg', 'sha512', '-iter', '10000'],
  ],
  ['certificates in the clear', ['-certpbe', 'NONE', '-keypbe', 'AES-256-CBC', '-macalg', 'sha384']],
  ['everything in the clear', ['-certpbe', 'NONE', '-keypbe', 'NONE']],
]
for (const [what, words] of PKCS12_FORMS) {
  test(`a PKCS#12 file of openssl is read: ${what}`, async (t) => {
    const place = await scratchFolder(t)
    const openssl = opensslIn(place)
    const { key, certificates, file } = makePkcs12(openssl, place, words)
    const read = readPkcs12(file, 'wörter')
    assert.deepEqual(
      read.certificates.map(({ der }) => der),
      certificates.map(({ der }) => der),
    )
    const message = Buffer.from('proof')
    writeFileSync(join(place, 'proof'), message)
    writeFileSync(join(place, 'sig'), await read.key.sign(message))
    assert.match(openssl('dgst', '-sha256', '-prverify', key, '-signature', 'sig', 'proof'), /Verified OK/)
    assert.throws(() => readPkcs12(file, 'worter'), { code: 'PKCS12_PASSPHRASE_WRONG' })
    // A flipped bit is found by the seal, or is in a place that says nothing.
    for (let at = 0; at < file.length; at += 41) {
      const spoilt = Uint8Array.from(file)
      spoilt[at] = (spoilt[at] ?? 0) ^ 0x40
      try {
        assert.deepEqual(readPkcs12(spoilt, 'wörter').key.publicKey, read.key.publicKey)
      } catch (error) {
        assert.ok(isFault(error, 'PKCS12_UNREADABLE') || isFault(error, 'PKCS12_PASSPHRASE_WRONG'), String(error))
      }
    }
  })
}

test('the command imports a CA from PKCS#12 with the database of openssl ca, and goes on from there', async (t) => {
  const place = await scratchFolder(t)
  const openssl = opensslIn(place)
  makePkcs12(openssl, place, ['-legacy'])
  issueWithOpenssl(openssl, place)
  writeFileSync(join(place, 'ca.pass'), 'words\n')
  writeFileSync(join(place, 'p12.pass'), 'wörter\n')
  const at = ['--data', join(place, 'ca'), '--passphrase-file', join(place, 'ca.pass')]
  const from = ['--pkcs12', join(place, 'ca.p12'), '--key-passphrase-file', join(place, 'p12.pass')]
  const known = ['--known-serials', join(place, 'index.txt')]
  const made = await runBirthmark(['ca', 'import', ...at, ...from, ...known, '--json'])
  assert.equal(made.status, 0, made.stderr)
  const revoked: readonly { serial: string; reason: string }[] = JSON.parse(made.stdout).revoked
  const index = parseKnownSerials(readFileSync(join(place, 'index.txt'), 'utf8'))
  const [still, gone] = [index.find((entry) => entry.revoked === undefined), index.find((entry) => entry.revoked)]
  assert.deepEqual(
    revoked.map(({ serial, reason }) => `${serial} ${reason}`),
    [`${gone?.serial} keyCompromise`],
  )
  const ended = await runBirthmark(['ca', 'revoke', ...at, '--serial', still?.serial ?? '', '--reason', 'superseded'])
  assert.equal(ended.status, 0, ended.stderr)
  await issuesWell(t, join(place, 'ca'), 'words')
  const wrong = ['ca', 'import', '--data', join(place, 'ca2'), ...at.slice(2), '--pkcs12', join(place, 'ca.p12')]
  await failsPlainly(wrong, { code: 'PKCS12_PASSPHRASE_WRONG', says: /passphrase does not open the PKCS#12/ })
  await failsPlainly([...at, '--certificate', join(place, 'c.pem')].toSpliced(0, 0, 'ca', 'import'), {
    code: 'CA_KEY_NOT_NAMED',
    says: /No private key is named/,
  })
})

function formOf(generation: readonly string[], form: 'traditional' | undefined): readonly string[] {
  if (form !== undefined) return ['-traditional']
  return generation.includes('pass:secret') ? ['-passin', 'pass:secret', '-aes-256-cbc', '-passout', 'pass:secret'] : []
}

type Openssl = ReturnType<typeof opensslIn>

/** A CA under a root, both in one PKCS#12 file. */
function makePkcs12(
  openssl: Openssl,
  place: string,
  words: readonly string[],
): { readonly key: string; readonly certificates: readonly Certificate[]; readonly file: Uint8Array } {
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout'
  openssl(`req -x509 ${key} r.key -out r.pem -subj /CN=OldRoot -days 3650`)
  openssl(`req -new ${key} c.key -out c.csr -subj /CN=OldIssuing`)
  const extensions = ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign']
  writeFileSync(join(place, 'ca.ext'), `${extensions.join('\n')}\nsubjectKeyIdentifier=hash\n`)
  openssl('x509 -req -in c.csr -CA r.pem -CAkey r.key -out c.pem -days 3000 -extfile ca.ext')
  openssl('pkcs12 -export -in c.pem -inkey c.key -certfile r.pem -passout pass:wörter -out ca.p12', ...words)
  const certificates = ['c.pem', 'r.pem'].map((name) => parseCertificate(readFileSync(join(place, name), 'utf8')))
  return { key: 'c.key', certificates, file: new Uint8Array(readFileSync(join(place, 'ca.p12'))) }
}

/** Two certificates in the database of `openssl ca`, one of them revoked. */
function issueWithOpenssl(openssl: Openssl, place: string): void {
  writeFileSync(join(place, 'index.txt'), '')
  writeFileSync(join(place, 'serial'), '0A\n')
  const files = 'database=index.txt serial=serial new_certs_dir=. certificate=c.pem private_key=c.key'
  const settings = `[ca] default_ca=d [d] ${files} default_md=sha256 default_days=30 policy=p [p] commonName=supplied`
  writeFileSync(join(place, 'ca.conf'), `${settings.replaceAll(' ', '\n')}\n`)
  for (const name of ['a', 'b']) {
    const key = `-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key`
    openssl(`req -new ${key} -out ${name}.csr -subj /CN=${name}`)
    openssl(`ca -batch -config ca.conf -in ${name}.csr -out ${name}.pem -notext`)
  }
  openssl('ca -config ca.conf -revoke b.pem -crl_reason keyCompromise')
}

/** Issues for a device and has openssl verify the chain. */
async function issuesWell(t: TestContext, folder: string, passphrase?: string): Promise<void> {
  const authority = await openAuthority({ folder, ...PORTS, ...(passphrase !== undefined && { passphrase }) })
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })
  const issued = await authority.issue({ kind: 'device', csr })
  await authority.close()
  const place = await scratchFolder(t)
  const pem = (der: Uint8Array): string => parseCertificate(der).toPem()
  writeFileSync(join(place, 'root.pem'), pem(issued.root))
  writeFileSync(join(place, 'between.pem'), issued.intermediates.map(pem).join(''))
  writeFileSync(join(place, 'leaf.pem'), pem(issued.certificate))
  const between = issued.intermediates.length > 0 ? ['-untrusted', 'between.pem'] : []
  const said = opensslIn(place)('verify', '-purpose', 'sslclient', '-CAfile', 'root.pem', ...between, 'leaf.pem')
  assert.match(said, /leaf.pem: OK/)
}
