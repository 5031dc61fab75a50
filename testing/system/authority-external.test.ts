/** An authority whose CA is elsewhere: openssl signs, as a command and behind an HTTP endpoint. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import {
  type Authority,
  CheckedProfile,
  EXTERNAL_ANSWER_BYTES_MAX,
  type ExternalSettings,
  openAuthority,
  plugAuthority,
} from '@birthmark/factory/authority'
import { days, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, parseCertificates, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { guideBlocks } from '../testkit/guide.ts'
import { opensslIn } from '../testkit/openssl.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const PORTS = { clock: systemClock, entropy: systemEntropy, log: silentLog }
const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter-1' }], signer })
const YEAR = CheckedProfile.parse(
  JSON.stringify({ format: 'birthmark-profile/1', name: 'year', validity: { days: 365 } }),
)
/** What a device's profile says, as openssl is told. */
const EXTENSIONS = [
  'basicConstraints=critical,CA:FALSE',
  'keyUsage=critical,digitalSignature',
  'extendedKeyUsage=clientAuth',
]

test('openssl as a command signs what the authority decides; the journal knows it, and repeats it', async (t) => {
  const { place, words } = await opensslCa(t)
  // The name of the profile chooses the template there.
  writeFileSync(join(place, 'ext-year'), `${EXTENSIONS.join('\n')}\n`)
  writeFileSync(join(place, 'ext-verification'), 'keyUsage=critical,digitalSignature\n')
  const [first, ...more] = words(EXTENSIONS).map((word) => (word.endsWith('/ext') ? `${word}-$1` : word))
  const script = `[ "$1" = verification ] && more="-days 29"\nexec ${[first, ...more].join(' ')} $more`
  const command = ['sh', '-c', script, 'sign', '{profile}']
  const { authority, folder } = await plugged(t, place, { command })
  const request = { kind: 'device', csr, profile: YEAR, idempotencyKey: 'meter-1' } as const
  const issued = await authority.issue(request)
  const made = parseCertificate(issued.certificate)
  assert.ok(made.isSignedBy(authority.issuing))
  assert.deepEqual((await authority.issue(request)).certificate, issued.certificate)
  assert.equal(authority.issuedCount, 1)
  const proof = parseCertificate((await authority.prove('ab'.repeat(32))).certificate)
  assert.ok(proof.isSignedBy(authority.issuing))
  assert.equal(proof.subject[0]?.value, 'ab'.repeat(32))
  await assert.rejects(authority.revoke(made.serialNumber, 'superseded'), { code: 'EXTERNAL_CA_ELSEWHERE' })
  await assert.rejects(authority.revocationList(days(1)), { code: 'EXTERNAL_CA_ELSEWHERE' })
  await authority.close()
  const again = await openAuthority({ folder, ...PORTS })
  t.after(() => again.close())
  assert.deepEqual((await again.issue(request)).certificate, issued.certificate)
  writeFileSync(join(place, 'leaf.pem'), made.toPem())
  assert.match(opensslIn(place)('verify', '-CAfile', 'ca.pem', 'leaf.pem'), /OK/)
})

test('a work order and its limit hold whoever signs', async (t) => {
  const { place, words } = await opensslCa(t)
  const { authority } = await plugged(t, place, { command: words(EXTENSIONS), validityDaysMin: 0 })
  const order = {
    id: 'PO-1',
    product: 'press',
    count: 1,
    profile: 'device',
    subject: { commonName: '{uid}' },
    locks: [],
  }
  await authority.admit(order)
  const issue = async (uid: string): Promise<unknown> =>
    authority.station('PO-1').issue({ uid, csr: await createCsr({ subject: [{ type: 'CN', value: uid }], signer }) })
  await issue('0a1b2c3d4e5f6071')
  await assert.rejects(issue('0a1b2c3d4e5f6072'), { code: 'ORDER_USED_UP' })
})

const REFUSED: readonly (readonly [why: string, extensions: readonly string[], says: RegExp])[] = [
  ['a CA', ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,digitalSignature'], /it is a CA/],
  ['another key usage', ['keyUsage=critical,keyAgreement', 'extendedKeyUsage=clientAuth'], /key usage is keyAgreement/],
  [
    'a further purpose',
    ['keyUsage=digitalSignature', 'extendedKeyUsage=clientAuth,serverAuth'],
    /extended key usage is/,
  ],
  ['no purpose', ['keyUsage=digitalSignature'], /extended key usage is absent/],
  ['a name nobody asked for', [...EXTENSIONS, 'subjectAltName=DNS:x.example'], /alternative names/],
  ['an unknown critical extension', [...EXTENSIONS, '1.2.3.4=critical,DER:0500'], /not understood: 1.2.3.4/],
  ['too long a validity', [...EXTENSIONS, '-days=400'], /longer than the profile says/],
  ['too short a validity', [...EXTENSIONS, '-days=29'], /before 30 days are over/],
]
for (const [why, extensions, says] of REFUSED) {
  test(`what comes back with ${why} is refused, and its intent stays open`, async (t) => {
    const { place, words } = await opensslCa(t)
    const { authority } = await plugged(t, place, { command: words(extensions) })
    const asked = authority.issue({ kind: 'device', csr, profile: YEAR })
    await assert.rejects(asked, { code: 'EXTERNAL_CERTIFICATE_REFUSED', blame: 'operator', message: says })
    assert.deepEqual([authority.issuedCount, authority.unresolved.length], [0, 1])
  })
}

test('a subject that the profile writes must come back, and not that of the request', async (t) => {
  const { place, words } = await opensslCa(t)
  const subject = [{ type: 'O', value: 'Acme' }]
  const profile = CheckedProfile.parse(JSON.stringify({ format: 'birthmark-profile/1', name: 'acme', subject }))
  const { authority } = await plugged(t, place, { command: words(EXTENSIONS) })
  const asked = authority.issue({ kind: 'device', csr, profile })
  await assert.rejects(asked, { code: 'EXTERNAL_CERTIFICATE_REFUSED', message: /its subject is "CN=meter-1"/ })
})

test('a certificate of another CA, or for another key, is refused', async (t) => {
  const { place } = await opensslCa(t)
  const other = await opensslCa(t)
  const stranger = await plugged(t, place, { command: other.words(EXTENSIONS) })
  await assert.rejects(stranger.authority.issue({ kind: 'device', csr, profile: YEAR }), { message: /not signed by/ })
  const old = await plugged(t, place, { command: ['cat', join(place, 'ca.pem')] })
  await assert.rejects(old.authority.issue({ kind: 'device', csr, profile: YEAR }), { message: /another key/ })
})

test('a command that fails, hangs, floods or is not there has a declared fault', async (t) => {
  const { place } = await opensslCa(t)
  const refused = async (command: readonly string[], code: string, message: RegExp): Promise<void> => {
    const { authority } = await plugged(t, place, { command, timeoutSeconds: 1 })
    await assert.rejects(authority.issue({ kind: 'device', csr, profile: YEAR }), { code, message })
  }
  await refused(['sh', '-c', 'echo no such profile >&2; exit 3'], 'EXTERNAL_CA_FAILED', /status 3 and said: no such/)
  await refused([join(place, 'absent')], 'EXTERNAL_CA_FAILED', /ENOENT/)
  await refused(['sh', '-c', 'sleep 60 & sleep 60'], 'EXTERNAL_CA_SILENT', /within 1 seconds/)
  await refused(['sh', '-c', 'yes'], 'EXTERNAL_CA_FAILED', new RegExp(`more than ${EXTERNAL_ANSWER_BYTES_MAX} bytes`))
  await refused(['echo', 'nothing'], 'EXTERNAL_CERTIFICATE_REFUSED', /no certificate in PEM/)
})

test('an HTTP endpoint signs as well: POST, PEM, a bearer token; what it does wrong is said', async (t) => {
  const { place, sign } = await opensslCa(t)
  const seen: string[] = []
  const url = await serving(t, (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      if (request.url?.startsWith('/sign/') === true) return response.writeHead(201).end(sign(body, EXTENSIONS))
      if (request.url === '/flood') return response.end('x'.repeat(EXTERNAL_ANSWER_BYTES_MAX + 1))
      if (request.url === '/moved') return response.writeHead(302, { location: '/sign/year' }).end()
      return request.url === '/hang' ? undefined : response.writeHead(403).end('the token is wrong')
    })
  })
  writeFileSync(join(place, 'token'), 'secret-7\n')
  const settings = { url: `${url}/sign/{profile}`, tokenFile: join(place, 'token') }
  const { authority } = await plugged(t, place, settings)
  await authority.issue({ kind: 'device', csr, profile: YEAR })
  assert.deepEqual(seen, ['POST /sign/year Bearer secret-7'])
  for (const [path, code, message] of [
    ['/no', 'EXTERNAL_CA_FAILED', /status 403: the token is wrong/],
    ['/flood', 'EXTERNAL_CA_FAILED', /more than/],
    ['/moved', 'EXTERNAL_CA_FAILED', /redirect/],
    ['/hang', 'EXTERNAL_CA_SILENT', /within 1 seconds/],
  ] as const) {
    const wrong = await plugged(t, place, { url: `${url}${path}`, timeoutSeconds: 1 })
    await assert.rejects(wrong.authority.issue({ kind: 'device', csr, profile: YEAR }), { code, message })
  }
  const nobody = await plugged(t, place, { url: 'http://127.0.0.1:1' })
  await assert.rejects(nobody.authority.issue({ kind: 'device', csr, profile: YEAR }), { code: 'EXTERNAL_CA_FAILED' })
})

test('the command plugs a CA in, and issues through it', async (t) => {
  const { place, words } = await opensslCa(t)
  writeFileSync(
    join(place, 'meter.csr'),
    `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(csr).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
  )
  writeFileSync(join(place, 'year.json'), '{"format":"birthmark-profile/1","name":"year","validity":{"days":365}}')
  const at = ['--data', join(place, 'plug')]
  const run = async (...more: readonly string[]): Promise<void> => {
    const { status, stderr } = await runBirthmark(more)
    assert.equal(status, 0, stderr)
  }
  writeFileSync(join(place, 'sign.sh'), `#!/bin/sh\nexec ${words(EXTENSIONS).join(' ')}\n`, { mode: 0o755 })
  await run('ca', 'plug', ...at, '--certificate', join(place, 'ca.pem'), '--command', join(place, 'sign.sh'))
  const out = ['--csr', join(place, 'meter.csr'), '--out', join(place, 'meter.pem')]
  await run('ca', 'issue', ...at, ...out, '--profile', join(place, 'year.json'))
  assert.match(opensslIn(place)('verify', '-CAfile', 'ca.pem', 'meter.pem'), /OK/)
})

test('the guide’s script for AWS Private CA signs through the unmodified AWS CLI', async (t) => {
  const { place, sign } = await opensslCa(t)
  writeFileSync(join(place, 'meter.csr'), toPem('CERTIFICATE REQUEST', csr))
  writeFileSync(join(place, 'year.json'), '{"format":"birthmark-profile/1","name":"year","validity":{"days":366}}')
  const script = guideBlocks('authority', 'text').find((block) => block.includes('aws acm-pca'))
  writeFileSync(join(place, 'sign.sh'), script ?? '', { mode: 0o755 })
  // The service is a stand-in that signs with openssl; what it is asked for is what the CLI makes of the script.
  const made = 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1/certificate/2'
  const asked: unknown[] = []
  let certificate = ''
  const answers: Readonly<Record<string, (request: Readonly<Record<string, string>>) => object>> = {
    IssueCertificate: ({ Csr = '', ...rest }) => {
      asked.push(rest)
      certificate = sign(Buffer.from(Csr, 'base64').toString(), EXTENSIONS)
      return { CertificateArn: made }
    },
    GetCertificate: ({ CertificateArn }) => {
      assert.equal(CertificateArn, made)
      return { Certificate: certificate, CertificateChain: readFileSync(join(place, 'ca.pem'), 'utf8') }
    },
  }
  const url = await serving(t, (request, response) => {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? ''
    void text(request).then((body) => response.end(JSON.stringify(answers[operation]?.(JSON.parse(body)))))
  })
  const env = {
    CA_ARN: 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/1',
    AWS_ENDPOINT_URL: url,
    AWS_DEFAULT_REGION: 'eu-west-1',
    AWS_ACCESS_KEY_ID: 'AKIAQQQQQQQQQQQQQQQQ',
    AWS_SECRET_ACCESS_KEY: 'a secret of tests',
  }
  const at = ['--data', join(place, 'plug')]
  const plug = ['ca', 'plug', ...at, '--certificate', join(place, 'ca.pem'), '--command', join(place, 'sign.sh')]
  const issue = ['ca', 'issue', ...at, '--csr', join(place, 'meter.csr'), '--out', join(place, 'meter.pem')]
  for (const words of [
    [...plug, '--timeout', '120'],
    [...issue, '--profile', join(place, 'year.json')],
  ]) {
    const { status, stderr } = await runBirthmark(words, { env })
    assert.equal(status, 0, stderr)
  }
  assert.match(opensslIn(place)('verify', '-CAfile', 'ca.pem', 'meter.pem'), /OK/)
  const [{ CertificateAuthorityArn, SigningAlgorithm, Validity }] = asked.map(Object)
  assert.deepEqual([CertificateAuthorityArn, SigningAlgorithm], [env.CA_ARN, 'SHA256WITHECDSA'])
  assert.deepEqual(Validity, { Value: 365, Type: 'DAYS' })
})

interface OpensslCa {
  readonly place: string
  /** The command that signs a request with these extensions; `-days=N` is an option. */
  readonly words: (extensions: readonly string[]) => readonly string[]
  readonly sign: (csr: string, extensions: readonly string[]) => string
}

async function opensslCa(t: TestContext): Promise<OpensslCa> {
  const place = await scratchFolder(t)
  const openssl = opensslIn(place)
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key'
  openssl(`req -x509 ${key} -out ca.pem -subj /CN=Elsewhere -days 3650`)
  const words = (extensions: readonly string[]): readonly string[] => {
    const days = extensions.find((line) => line.startsWith('-days='))?.slice('-days='.length) ?? '365'
    const file = join(place, 'ext')
    writeFileSync(file, `${extensions.filter((line) => !line.startsWith('-')).join('\n')}\n`)
    const ca = `openssl x509 -req -CA ${place}/ca.pem -CAkey ${place}/ca.key -CAserial ${place}/serial -CAcreateserial`
    return [...ca.split(' '), '-days', days, '-extfile', file]
  }
  const sign = (request: string, extensions: readonly string[]): string => {
    writeFileSync(join(place, 'request'), request)
    openssl(words(extensions).slice(1).join(' '), '-in', 'request', '-out', 'made')
    return readFileSync(join(place, 'made'), 'utf8')
  }
  return { place, words, sign }
}

async function plugged(
  t: TestContext,
  place: string,
  settings: Partial<ExternalSettings>,
): Promise<{ readonly authority: Authority; readonly folder: string }> {
  const folder = join(await scratchFolder(t), 'plug')
  const [ca] = parseCertificates(readFileSync(join(place, 'ca.pem'), 'utf8'))
  assert.ok(ca)
  const external = { timeoutSeconds: 20, validityDaysMin: 30, ...settings }
  await plugAuthority({ folder, certificates: [ca], external, ...PORTS })
  const authority = await openAuthority({ folder, ...PORTS })
  t.after(() => authority.close())
  return { authority, folder }
}

async function serving(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `http://127.0.0.1:${address.port}`
}
