import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HttpRequest } from '@smithy/types'
import fc from 'fast-check'
import { presignRequest, type Signing, signRequest } from '../../../../testing/testkit/sign-request.ts'
import { parseTarget } from '../engine/target.ts'
import { AwsException } from '../exceptions.ts'
import { type Headers, parseClaim } from './claim.ts'
import { signingKeyOf } from './known-keys.ts'
import { isSignedBy, type SignedRequest } from './signature.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const SIGNED_AT = new Date('2026-03-04T05:06:07Z')

/** The oracle is the signer that the AWS SDK for JavaScript uses. */
const SIGNING: Signing = {
  region: 'eu-central-1',
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET },
  at: SIGNED_AT,
}

interface Plain {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string | string[]>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

const segment = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom('.', '..', '', "a!*'()~b", 'things', '%2F', 'arn%3Aaws'),
)
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.toWellFormed())
const parameter = fc.string({ minLength: 1, maxLength: 6 }).filter((name) => !/signature/i.test(name))
const plainRequest: fc.Arbitrary<Plain> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'PATCH', 'DELETE'),
  path: fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
  query: fc.dictionary(parameter, fc.oneof(text, fc.array(text, { minLength: 1, maxLength: 3 })), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  headers: fc.dictionary(
    fc
      .stringMatching(/^x-amzn?-[a-z]{1,8}$/)
      .filter((name) => !['x-amz-date', 'x-amzn-trace-id', 'x-amz-content-sha256'].includes(name)),
    fc.stringMatching(/^[!-~]([ -~]{0,10}[!-~])?$/),
    { maxKeys: 3, noNullPrototype: true },
  ),
  body: fc.uint8Array({ maxLength: 40 }),
})

test('accepts what the AWS SDK signed in the header, and nothing that differs from it', async () => {
  await fc.assert(
    fc.asyncProperty(plainRequest, fc.nat(), async (plain, seed) => {
      const signed = await signRequest(asHttpRequest(plain), SIGNING)
      const received = receive({ ...plain, headers: signed.headers })
      const claim = parseClaim(received.headers, received.query)
      assert.ok(isSignedBy(signingKeyOf(SECRET, claim), claim, received))
      assert.ok(!isSignedBy(signingKeyOf(`${SECRET}x`, claim), claim, received), 'another secret')
      const [what, changed] = TAMPERINGS[seed % TAMPERINGS.length]!
      assert.ok(!isSignedBy(signingKeyOf(SECRET, claim), claim, changed(received)), what)
    }),
  )
})

test('accepts what the AWS SDK presigned in the query, and nothing that differs from it', async () => {
  await fc.assert(
    fc.asyncProperty(plainRequest, async (plain) => {
      const signed = await presignRequest(asHttpRequest({ ...plain, headers: {}, body: new Uint8Array() }), 60, SIGNING)
      const query = signed.query as Plain['query']
      const received = receive({ ...plain, headers: signed.headers, query, body: new Uint8Array() })
      const claim = parseClaim(received.headers, received.query)
      assert.equal(claim.expiresSeconds, 60)
      assert.ok(isSignedBy(signingKeyOf(SECRET, claim), claim, received))
      const longer = received.query.map(([name, value]): [string, string] => [
        name,
        name === 'X-Amz-Expires' ? '61' : value,
      ])
      assert.ok(!isSignedBy(signingKeyOf(SECRET, claim), claim, { ...received, query: longer }))
    }),
  )
})

const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-central-1/iot/aws4_request, ' +
  `SignedHeaders=host;x-amz-date, Signature=${'0'.repeat(64)}`

const UNREADABLE: readonly (readonly [why: string, headers: Headers, exception: string])[] = [
  ['no signature at all', {}, 'MissingAuthenticationTokenException'],
  ['an empty header', { authorization: [''] }, 'IncompleteSignatureException'],
  ['another scheme', { authorization: ['Basic YTpi'] }, 'IncompleteSignatureException'],
  ['the asymmetric algorithm', signedAs((text) => text.replace('HMAC', 'ECDSA-P256')), 'IncompleteSignatureException'],
  ['no credential', signedAs((text) => text.replace('Credential', 'Credentials')), 'IncompleteSignatureException'],
  [
    'a credential without region',
    signedAs((text) => text.replace('/eu-central-1', '')),
    'IncompleteSignatureException',
  ],
  ['host not signed', signedAs((text) => text.replace('host;', '')), 'IncompleteSignatureException'],
  ['a short signature', signedAs((text) => text.slice(0, -1)), 'IncompleteSignatureException'],
  ['a signature that is not hex', signedAs((text) => `${text.slice(0, -1)}g`), 'IncompleteSignatureException'],
  ['no date', { authorization: [AUTHORIZATION] }, 'IncompleteSignatureException'],
  [
    'a date in another form',
    { authorization: [AUTHORIZATION], 'x-amz-date': ['2026-03-04'] },
    'IncompleteSignatureException',
  ],
]

for (const [why, headers, exception] of UNREADABLE) {
  test(`refuses ${why}`, () => {
    assert.throws(
      () => parseClaim(headers, []),
      (error) => error instanceof AwsException && error.name === exception && error.status === 403,
    )
  })
}

test('arbitrary authorization text gives a claim or a declared exception, nothing else', () => {
  const pieces = fc.constantFrom(
    'AWS4-HMAC-SHA256',
    ' ',
    ',',
    '=',
    'Credential',
    'Signature',
    'SignedHeaders',
    'host',
    '/',
    AUTHORIZATION,
  )
  const value = fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(value, fc.option(value), (authorization, date) => {
      const headers = { authorization: [authorization], ...(date === null ? {} : { 'x-amz-date': [date] }) }
      try {
        assert.match(parseClaim(headers, []).signature, /^[0-9a-f]{64}$/)
      } catch (error) {
        assert.ok(error instanceof AwsException, String(error))
      }
    }),
  )
})

function signedAs(change: (authorization: string) => string): Headers {
  return { authorization: [change(AUTHORIZATION)], 'x-amz-date': ['20260304T050607Z'] }
}

function asHttpRequest({ method, path, query, headers, body }: Plain): HttpRequest {
  return {
    method,
    protocol: 'https:',
    hostname: 'localhost',
    path,
    query: { ...query },
    headers: { host: 'localhost:9443', ...headers },
    body,
  }
}

/** The request as it comes off the wire. */
function receive({ method, path, query, headers, body }: Plain): SignedRequest {
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    [values].flat().map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`),
  )
  const target = parseTarget(pairs.length === 0 ? path : `${path}?${pairs.join('&')}`)
  assert.ok(target !== undefined)
  const received = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value]])
  return { ...target, method, headers: Object.fromEntries(received), body }
}

const TAMPERINGS: readonly (readonly [what: string, change: (request: SignedRequest) => SignedRequest])[] = [
  ['another body', (request) => ({ ...request, body: Buffer.concat([request.body, Buffer.of(0)]) })],
  ['another path', (request) => ({ ...request, rawPath: `${request.rawPath}x` })],
  ['another query', (request) => ({ ...request, query: [...request.query, ['more', '']] })],
  ['another method', (request) => ({ ...request, method: 'OPTIONS' })],
  ['another host', (request) => ({ ...request, headers: { ...request.headers, host: ['localhost'] } })],
]
