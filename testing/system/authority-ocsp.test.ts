/** Our revocation lists and OCSP answers against the openssl command: a stranger must come to the same verdict. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type Authority,
  openAuthority,
  publishLists,
  StatusIndex,
  StatusResponder,
  serveStatus,
} from '@birthmark/factory/authority'
import { days, seconds, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../testkit/new-authority.ts'
import { runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const key = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer: key })
const URL_OF_LISTS = 'http://pki.example:8888'

test('the command serves OCSP and lists, and openssl comes to the same verdicts', async (t) => {
  const place = await servedPlace(t)
  const { folder, url } = place
  const ask = (file: string, ...more: readonly string[]) =>
    openssl('ocsp', ...trust(folder), ...more, '-cert', file, '-url', `${url}/ocsp`)
  for (const hash of [[], ['-sha256']]) {
    const good = await ask(join(folder, 'good.pem'), ...hash)
    assert.match(good, /Response verify OK/)
    assert.match(good, /good\.pem: good/)
    // openssl sends a nonce unless told otherwise, and says when it does not come back.
    assert.doesNotMatch(good, /no nonce|Nonce Verify error/i)
  }
  const revoked = await ask(join(folder, 'bad.pem'))
  assert.match(revoked, /bad\.pem: revoked[\s\S]*Reason: keyCompromise/)
  const unknown = await openssl('ocsp', ...trust(folder), '-serial', '0x4142434445464748', '-url', `${url}/ocsp`)
  assertVerified(unknown, /: unknown/)
  const both = await ask(join(folder, 'good.pem'), '-cert', join(folder, 'bad.pem'), '-no_nonce')
  assert.match(both, /good\.pem: good/)
  assert.match(both, /bad\.pem: revoked/)

  const request = join(folder, 'request.der')
  await openssl(
    'ocsp',
    '-issuer',
    join(folder, 'issuing.pem'),
    '-cert',
    join(folder, 'good.pem'),
    '-no_nonce',
    '-reqout',
    request,
  )
  const encoded = encodeURIComponent(readFileSync(request).toString('base64'))
  const kept = await fetch(`${url}/ocsp/${encoded}`)
  assert.equal(kept.headers.get('content-type'), 'application/ocsp-response')
  assert.match(kept.headers.get('cache-control') ?? '', /^max-age=\d+, public, no-transform, must-revalidate$/)
  writeFileSync(join(folder, 'kept.der'), Buffer.from(await kept.arrayBuffer()))
  const read = await openssl(
    'ocsp',
    ...trust(folder),
    '-cert',
    join(folder, 'good.pem'),
    '-no_nonce',
    '-respin',
    join(folder, 'kept.der'),
  )
  assertVerified(read, /good\.pem: good/)
  const again = await fetch(`${url}/ocsp/${encoded}`, { headers: { 'if-none-match': kept.headers.get('etag') ?? '' } })
  assert.equal(again.status, 304)

  const stranger = join(folder, 'root.pem')
  const other = await runProgram('openssl', ['ocsp', '-issuer', stranger, '-cert', stranger, '-url', `${url}/ocsp`])
  assert.match(other.output, /unauthorized/)

  const list = await fetch(`${url}/crl/1.crl`)
  assert.equal(list.headers.get('content-type'), 'application/pkix-crl')
  assert.ok((await list.arrayBuffer()).byteLength > 200)
  assert.equal((await fetch(`${url}/crl/99.crl`)).status, 404)
  assert.equal((await fetch(`${url}/crl/..%2fresponder.pem`)).status, 404)
  await stopsInOrder(place.server)
})

test('a revocation beside a running server shows at once, and the CA’s own key answers as well', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const folder = await scratchFolder(t)
  save(folder, 'root.pem', authority.root.der)
  save(folder, 'issuing.pem', authority.issuing.der)
  const serial = await issueTo(authority, join(folder, 'one.pem'))
  const index = StatusIndex.open(options.folder)
  // The key of the CA itself, as a small installation may do it; the service then holds that key.
  const signer = SoftwareSigner.fromEncryptedPem(
    readFileSync(join(options.folder, 'issuing.key.pem'), 'utf8'),
    options.passphrase ?? '',
  )
  const ports = { issuing: authority.issuing, signer: { signer }, clock: systemClock, log: silentLog }
  const responder = new StatusResponder({ ...ports, status: (hex) => index.status(hex), lasts: days(1) })
  const server = await serveStatus({ responder, host: '127.0.0.1', port: 0, clock: systemClock, log: silentLog })
  t.after(async () => {
    await server.close()
    index.close()
  })
  const ask = () =>
    openssl(
      'ocsp',
      ...trust(folder),
      '-cert',
      join(folder, 'one.pem'),
      '-url',
      `http://127.0.0.1:${server.port}/ocsp`,
      '-no_nonce',
    )
  // The tables follow the journal within a moment; until then nobody knows of the certificate.
  while (!(await ask()).includes('one.pem: good')) await authority.lookUp(serial)
  await authority.revoke(serial, 'cessationOfOperation')
  assertVerified(await ask(), /one\.pem: revoked/)
})

test('openssl takes the list of a certificate’s own shard, with its addition, and no other', async (t) => {
  const options = await newAuthority(t)
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  save(folder, 'root.pem', authority.root.der)
  save(folder, 'issuing.pem', authority.issuing.der)
  await authority.lists.distribute({ url: URL_OF_LISTS, shardSize: 2 })
  const serials: string[] = []
  for (const name of ['a', 'b', 'c']) serials.push(await issueTo(authority, file(`${name}.pem`)))
  assert.deepEqual(
    authority.lists.shards.map(({ certificates }) => certificates),
    [2, 1],
  )
  const text = await openssl('x509', '-in', file('c.pem'), '-noout', '-text')
  assert.match(text, /URI:http:\/\/pki\.example:8888\/crl\/2\.crl/)
  assert.match(text, /OCSP - URI:http:\/\/pki\.example:8888\/ocsp/)
  await authority.revoke(serials[0] ?? '', 'superseded')
  await publishLists(authority, { folder, lasts: days(7) })
  await authority.revoke(serials[1] ?? '', 'keyCompromise')
  await publishLists(authority, { folder, lasts: days(7), additionsLast: seconds(3600) })
  for (const name of ['1', '1-delta', '2']) {
    const pem = await openssl('crl', '-inform', 'DER', '-in', file(`crl/${name}.crl`), '-CAfile', file('issuing.pem'))
    assert.match(pem, /verify OK/)
    writeFileSync(file(`${name}.crl.pem`), pem.slice(pem.indexOf('-----BEGIN')))
  }
  const addition = await openssl('crl', '-in', file('1-delta.crl.pem'), '-noout', '-text')
  assert.match(addition, /Delta CRL Indicator: critical/)
  assert.match(addition, /Issuing Distribution Point: critical/)
  assert.match(await openssl('crl', '-in', file('1.crl.pem'), '-noout', '-text'), /Freshest CRL/)

  const verify = (certificate: string, lists: readonly string[], ...more: readonly string[]) =>
    runProgram('openssl', [
      'verify',
      '-crl_check',
      ...more,
      '-CAfile',
      file('root.pem'),
      '-untrusted',
      file('issuing.pem'),
      ...lists.flatMap((name) => ['-CRLfile', file(`${name}.crl.pem`)]),
      file(`${certificate}.pem`),
    ])
  assert.match((await verify('a', ['1'])).output, /certificate revoked/)
  assert.match((await verify('b', ['1'])).output, /: OK/)
  assert.match((await verify('b', ['1', '1-delta'], '-use_deltas')).output, /certificate revoked/)
  assert.match((await verify('c', ['2'])).output, /: OK/)
  // The list of another shard says nothing about this certificate.
  assert.match((await verify('c', ['1'])).output, /different CRL scope|unable to get certificate CRL/i)
})

test('whoever sends too much, or no OCSP, is told so, and the next one is answered', async (t) => {
  const { url, folder } = await servedPlace(t)
  const post = (body: Uint8Array): Promise<Response> =>
    fetch(`${url}/ocsp`, { method: 'POST', body: Buffer.from(body) })
  assert.equal((await post(new Uint8Array(8_193))).status, 413)
  const malformed = await post(Uint8Array.of(1, 2, 3))
  assert.deepEqual([...new Uint8Array(await malformed.arrayBuffer())], [0x30, 3, 0x0a, 1, 1])
  assert.equal((await fetch(`${url}/ocsp/${'A'.repeat(4_097)}`)).status, 414)
  assert.equal((await fetch(`${url}/ocsp`, { method: 'PUT', body: 'x' })).status, 405)
  assert.equal((await fetch(`${url}/elsewhere`)).status, 404)
  const { port } = new URL(url)
  const noHttp = connect(Number(port), '127.0.0.1').resume()
  noHttp.end('\0\0no http\r\n\r\n')
  await once(noHttp, 'close')
  const good = await openssl('ocsp', ...trust(folder), '-cert', join(folder, 'good.pem'), '-url', `${url}/ocsp`)
  assert.match(good, /good\.pem: good/)
})

/** An authority with one good and one revoked certificate, its lists, and the command that serves their state. */
async function servedPlace(t: TestContext) {
  const options = await newAuthority(t)
  const folder = await scratchFolder(t)
  writeFileSync(join(folder, 'ca.pass'), `${options.passphrase}\n`)
  writeFileSync(join(folder, 'responder.pass'), 'another passphrase\n')
  const on = ['--data', options.folder, '--passphrase-file', join(folder, 'ca.pass')]
  await succeeds(['ca', 'distribute', ...on, '--url', URL_OF_LISTS])
  const authority = await openAuthority(options)
  save(folder, 'root.pem', authority.root.der)
  save(folder, 'issuing.pem', authority.issuing.der)
  await issueTo(authority, join(folder, 'good.pem'))
  const bad = await issueTo(authority, join(folder, 'bad.pem'))
  await authority.revoke(bad, 'keyCompromise')
  await authority.close()
  const responder = ['--responder-passphrase-file', join(folder, 'responder.pass')]
  await succeeds(['ca', 'responder', ...on, '--out', join(folder, 'responder'), ...responder])
  await succeeds(['ca', 'publish', ...on, '--out', join(folder, 'public')])
  const looked = JSON.parse(await succeeds(['ca', 'look-up', ...on, '--serial', bad, '--json']))
  assert.deepEqual([looked.state, looked.revoked.reason], ['issued', 'keyCompromise'])
  const words = ['--data', options.folder, '--responder', join(folder, 'responder'), ...responder]
  const server = startBirthmark([
    'ca',
    'status-serve',
    ...words,
    '--lists',
    join(folder, 'public'),
    '--port',
    '0',
    '--json',
  ])
  t.after(() => server.child.kill('SIGKILL'))
  const [line] = await server.said(/^\{"ready":true.*\}$/m)
  return { folder, url: String(JSON.parse(line).url), server }
}

async function succeeds(words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await runBirthmark(words)
  assert.equal(status, 0, stderr)
  return stdout
}

async function issueTo(authority: Authority, path: string): Promise<string> {
  const certificate = parseCertificate((await authority.issue({ kind: 'device', csr })).certificate)
  writeFileSync(path, certificate.toPem())
  return certificate.serialNumber
}

function save(folder: string, name: string, der: Uint8Array): void {
  writeFileSync(join(folder, name), toPem('CERTIFICATE', der))
}

function trust(folder: string): readonly string[] {
  return ['-issuer', join(folder, 'issuing.pem'), '-CAfile', join(folder, 'root.pem')]
}

async function openssl(...words: readonly string[]): Promise<string> {
  const { status, output } = await runProgram('openssl', words)
  assert.equal(status, 0, output)
  return output
}

/** OpenSSL writes what it read and whether it is signed to two streams, which meet in any order. */
function assertVerified(output: string, verdict: RegExp): void {
  assert.match(output, /Response verify OK/)
  assert.match(output, verdict)
}
