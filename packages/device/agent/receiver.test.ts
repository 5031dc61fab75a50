import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { SoftwareSigner } from '@birthmark/foundation/x509'
import { newTlsAuthority } from '../../../testing/testkit/tls-identities.ts'
import { type ClaimReceiver, receiveClaim, WRONG_CODES_MAX } from './receiver.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function open(context: TestContext): Promise<ClaimReceiver> {
  const receiver = await receiveClaim(LOOPBACK, systemEntropy)
  context.after(() => receiver.close())
  return receiver
}

function post(url: string, code: string | undefined, body: string): Promise<Response> {
  const headers = code === undefined ? {} : { authorization: `Bearer ${code}` }
  return fetch(url, { method: 'POST', headers, body })
}

test('codes differ, and are eight characters that people do not mix up', async (context) => {
  const codes = await Promise.all(Array.from({ length: 5 }, async () => (await open(context)).code))
  assert.equal(new Set(codes).size, 5)
  for (const code of codes) assert.match(code, /^[A-HJ-NP-Z2-9]{8}$/)
})

test('what is no claim is refused, and the receiver goes on', async (context) => {
  const { url, code } = await open(context)
  for (const body of [
    '',
    '{',
    'null',
    '[]',
    '{"keyPair":null}',
    '{"certificatePem":"x","keyPair":{"PrivateKey":"y"}}',
    'birthmark-claim/1 ',
    'birthmark-claim/1 1/1 {}',
    'birthmark-claim/1 1/99 {}',
  ]) {
    assert.equal((await post(url, code, body)).status, 400, body)
  }
  assert.equal((await post(url, code, 'x'.repeat(70_000))).status, 413)
  assert.equal((await fetch(url)).status, 404)
  assert.equal((await post(`${url}s`, code, '')).status, 404)
})

test('a page of another origin may ask, and reads the answer', async (context) => {
  const { url } = await open(context)
  const preflight = await fetch(url, { method: 'OPTIONS' })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/)
  for (const answer of [preflight, await post(url, 'WRONGONE', '{}')]) {
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
  }
})

test('the codes of the claim page are taken in any order, and a missing one is named', async (context) => {
  const { url, code, claim } = await open(context)
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const signer = SoftwareSigner.import(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  const [certificate] = await (await newTlsAuthority()).certify(signer.publicKey)
  assert.ok(certificate !== undefined)
  const text = JSON.stringify({
    certificate: Buffer.from(certificate.der).toString('base64'),
    privateKey: privateKey.export({ type: 'pkcs1', format: 'der' }).toString('base64'),
  })
  const half = Math.ceil(text.length / 2)
  const codes = [text.slice(0, half), text.slice(half)].map((part, n) => `birthmark-claim/1 ${n + 1}/2 ${part}`)
  const incomplete = await post(url, code, `${codes[0]}\n`)
  assert.match(await incomplete.text(), /code 2 of 2 is missing/)
  assert.equal((await post(url, code, `${codes.toReversed().join('\n')}\n${codes[0]}\n`)).status, 200)
  assert.equal((await claim).certificate.fingerprint, certificate.fingerprint)
})

test('a key of another certificate is no claim', async (context) => {
  const { url, code } = await open(context)
  const { root } = await newTlsAuthority()
  const other = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const PrivateKey = other.toEncryptedPem('passphrase')
  const answer = await post(url, code, JSON.stringify({ certificatePem: root.toPem(), keyPair: { PrivateKey } }))
  assert.equal(answer.status, 400)
})

test('five wrong codes close it', async (context) => {
  const { url, claim, code } = await open(context)
  for (let n = 0; n < WRONG_CODES_MAX; n += 1) {
    assert.equal((await post(url, n === 0 ? undefined : `${code}A`, '{}')).status, 403)
  }
  await assert.rejects(claim, (error) => isFault(error, 'CLAIM_UNUSABLE'))
  await assert.rejects(post(url, code, '{}'))
})

test('a sender that hangs up in the middle does no harm', async (context) => {
  const { url, code } = await open(context)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(`POST /claim HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${code}\r\nContent-Length: 100\r\n\r\n{`)
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.destroy()
  assert.equal((await post(url, code, '{}')).status, 400)
})
