import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { AuthorizerCredentials, AuthorizerVerdict } from '@birthmark/cloud/front'
import type { Invocation } from '@birthmark/cloud/functions'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import fc from 'fast-check'
import { parseAnswer } from './answer.ts'
import { lookupIn } from './credentials.ts'
import { type AuthorizerSettings, Authorizers, DEFAULT_AUTHORIZER } from './index.ts'
import { isTokenSigned } from './token-signature.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const ARN = 'arn:aws:lambda:eu-central-1:111122223333:function:doors'
const folder = await mkdtemp(join(tmpdir(), 'birthmark-authorizers-'))
const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
after(async () => {
  await registry.close()
  await rm(folder, { recursive: true, force: true })
})

const KEYS = generateKeyPairSync('rsa', { modulusLength: 2048 })
const OTHER = generateKeyPairSync('rsa', { modulusLength: 2048 })
const EC = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const POLICY = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'iot:Connect', Resource: '*' }] }
const GOOD = { isAuthenticated: true, principalId: 'meter1', policyDocuments: [POLICY] }

function pem(key: typeof KEYS.publicKey): string {
  return String(key.export({ type: 'spki', format: 'pem' }))
}

function signatureOf(token: string, key = KEYS.privateKey): string {
  return sign('sha256', Buffer.from(token), key).toString('base64')
}

async function keep(kind: 'authorizer' | 'setting' | 'domain-configuration', name: string, content: object) {
  const body = JSON.stringify({ content, modifiedAt: 0 })
  const document = { kind, name, body, createdAt: systemClock.now() } as const
  assert.deepEqual(await registry.in(SCOPE).commit([{ do: 'create-document', document }]), { ok: true })
}

const SETTINGS: AuthorizerSettings = {
  authorizerFunctionArn: ARN,
  tokenKeyName: 'Token',
  tokenSigningPublicKeys: { old: pem(OTHER.publicKey), new: pem(KEYS.publicKey) },
  status: 'ACTIVE',
  signingDisabled: false,
  enableCachingForHttp: true,
}
await keep('authorizer', 'signed', SETTINGS)
await keep('authorizer', 'open', { ...SETTINGS, signingDisabled: true })
await keep('authorizer', 'asleep', { ...SETTINGS, status: 'INACTIVE' })

let answer: Invocation = { outcome: 'answered', answer: GOOD }
const events: unknown[] = []
const authorizers = new Authorizers({
  registry,
  invoke: async (scope, arn, event, limit) => {
    assert.deepEqual([scope, arn, limit], [SCOPE, ARN, 5000])
    events.push(event)
    return answer
  },
  log: silentLog,
})

/** Asks with an MQTT user name. */
async function asked(query: string, more: Partial<AuthorizerCredentials> = {}, says: Invocation = answered(GOOD)) {
  events.length = 0
  answer = says
  const mqtt = { username: `user?${query}`, password: 'c2VjcmV0', clientId: 'meter-1' }
  return authorizers.authorize(SCOPE, { connectionId: 'c', mqtt, ...more })
}

function answered(value: unknown): Invocation {
  return { outcome: 'answered', answer: value }
}

function whyOf(verdict: AuthorizerVerdict): string {
  return verdict.ok ? 'ok' : `${verdict.code}: ${verdict.why}`
}

function named(name: string, token = 'press 7', signature = signatureOf(token)): string {
  const pairs = [`x-amz-customauthorizer-name=${name}`, `x-amz-customauthorizer-signature=${signature}`]
  return [...pairs, `Token=${encodeURIComponent(token)}`].join('&')
}

test('a signed token is checked before the function runs, by each of the keys', async () => {
  const verdict = await asked(named('signed'), { serverName: 'localhost' })
  assert.ok(verdict.ok)
  const { policies, ...grant } = verdict.grant
  assert.deepEqual(
    policies.map((text) => JSON.parse(text)),
    [POLICY],
  )
  assert.deepEqual(grant, {
    authorizer: 'signed',
    isSigned: true,
    principalId: 'meter1',
    disconnectAfter: 86_400,
    refreshAfter: 86_400,
    isCachedForHttp: true,
  })
  const [event] = events
  assert.deepEqual(event, {
    token: 'press 7',
    signatureVerified: true,
    protocols: ['tls', 'mqtt'],
    protocolData: {
      tls: { serverName: 'localhost' },
      mqtt: { username: `user?${named('signed')}`, password: 'c2VjcmV0', clientId: 'meter-1' },
    },
    connectionMetadata: { id: 'c' },
  })
  assert.ok((await asked(named('signed', 'old', signatureOf('old', OTHER.privateKey)))).ok)
  for (const [query, why] of [
    [named('signed', 'press 7', signatureOf('press 8')), /is by none of/],
    [named('signed', 'press 7', 'AAAA'), /is by none of/],
    [named('signed', 'press 7', signatureOf('press 7', EC.privateKey)), /is by none of/],
    ['x-amz-customauthorizer-name=signed', /no token as Token/],
    ['x-amz-customauthorizer-name=signed&Token=a', /no x-amz-customauthorizer-signature/],
  ] as const) {
    const refused = whyOf(await asked(query))
    assert.match(refused, /^AUTHORIZER_SIGNATURE_REFUSED: authorizer signed: /)
    assert.match(refused, why)
    assert.equal(events.length, 0)
  }
})

test('keys of other kinds sign nothing', () => {
  const signature = signatureOf('a', EC.privateKey)
  assert.equal(isTokenSigned('a', signature, { ec: pem(EC.publicKey), none: 'no key' }), false)
})

test('what a client says over HTTP and WebSocket is found in its query and its headers', async () => {
  const headers = { 'x-amz-customauthorizer-name': 'open', token: 'of the header' }
  assert.ok((await asked('', { http: { headers, queryString: '?a=b' } })).ok)
  const [event] = events as { token: string; signatureVerified: boolean; protocols: string[] }[]
  assert.deepEqual([event?.token, event?.signatureVerified], ['of the header', false])
  assert.deepEqual(event?.protocols, ['tls', 'http', 'mqtt'])
  const queryString = '?x-amz-customauthorizer-name=absent&Token=%zz'
  assert.match(whyOf(await asked('', { http: { headers, queryString } })), /AUTHORIZER_UNKNOWN: there is no authorizer/)
})

test('who names none gets the one of the domain, or the default one', async () => {
  assert.match(whyOf(await asked('')), /AUTHORIZER_UNKNOWN: the client names none/)
  await keep('setting', DEFAULT_AUTHORIZER, { authorizerName: 'open' })
  assert.ok((await asked('')).ok)
  const domainName = 'devices.example.com'
  const authorizerConfig = { defaultAuthorizerName: 'asleep', allowAuthorizerOverride: false }
  await keep('domain-configuration', 'd', { domainName, status: 'ENABLED', authorizerConfig })
  const more = { serverName: 'Devices.Example.com' }
  assert.match(whyOf(await asked(named('open'), more)), /AUTHORIZER_INACTIVE: the authorizer asleep is INACTIVE/)
  assert.ok((await asked(named('open'), { serverName: 'other.example.com' })).ok)
  assert.equal(await authorizers.isThere(SCOPE), true)
  assert.equal(await authorizers.isThere({ ...SCOPE, region: 'us-east-1' }), false)
})

const WRONG: readonly (readonly [answer: unknown, why: RegExp])[] = [
  [null, /no JSON object/],
  ['{}', /no JSON object/],
  [[GOOD], /no JSON object/],
  [{}, /isAuthenticated/],
  [{ ...GOOD, isAuthenticated: 'true' }, /isAuthenticated/],
  [{ ...GOOD, principalId: 'meter-1' }, /principalId/],
  [{ ...GOOD, principalId: 'a'.repeat(129) }, /principalId/],
  [{ ...GOOD, principalId: undefined }, /principalId/],
  [{ ...GOOD, policyDocuments: POLICY }, /policyDocuments is no list/],
  [{ ...GOOD, policyDocuments: Array.from({ length: 11 }, () => POLICY) }, /more than 10/],
  [{ ...GOOD, policyDocuments: [POLICY, '{'] }, /policyDocuments\[1\] is no policy/],
  [{ ...GOOD, policyDocuments: [{ ...POLICY, Id: 'x'.repeat(2048) }] }, /policyDocuments\[0\] is no policy/],
  [{ ...GOOD, disconnectAfterInSeconds: 299 }, /disconnectAfterInSeconds/],
  [{ ...GOOD, refreshAfterInSeconds: 86_401 }, /refreshAfterInSeconds/],
  [{ ...GOOD, refreshAfterInSeconds: 300.5 }, /refreshAfterInSeconds/],
  [{ ...GOOD, context: 'text' }, /context/],
]

for (const [value, why] of WRONG) {
  test(`an answer is malformed: ${JSON.stringify(value)?.slice(0, 70)}, ${why}`, async () => {
    const verdict = whyOf(await asked(named('open'), {}, answered(value)))
    assert.match(verdict, /^AUTHORIZER_FAILED: authorizer open: its function answered wrongly: /)
    assert.match(verdict, why)
  })
}

test('a function refuses, is slow, or fails; what it says of secrets goes no further', async () => {
  assert.match(whyOf(await asked(named('open'), {}, answered({ isAuthenticated: false }))), /^AUTHORIZER_REFUSED: /)
  assert.match(whyOf(await asked(named('open'), {}, { outcome: 'slow' })), /^AUTHORIZER_FAILED: .* in time$/)
  const why = 'Error: press 7 has the password secret (c2VjcmV0)'
  const failed = whyOf(await asked(named('open'), {}, { outcome: 'failed', why }))
  assert.equal(failed, 'AUTHORIZER_FAILED: authorizer open: its function failed: Error: … has the password … (…)')
})

test('an operator tries an authorizer, also one that is INACTIVE', async () => {
  answer = answered(GOOD)
  const given = { connectionId: 't', token: 'a', tokenSignature: signatureOf('a') }
  assert.equal((await authorizers.test(SCOPE, 'asleep', given))?.ok, true)
  assert.equal(await authorizers.test(SCOPE, 'absent', given), undefined)
})

test('anything is an answer or malformed, and anything is looked through', () => {
  fc.assert(fc.property(fc.anything(), (value) => void parseAnswer(value)))
  const members = fc.record({
    isAuthenticated: fc.constant(true),
    principalId: fc.string(),
    policyDocuments: fc.array(fc.anything()),
  })
  fc.assert(fc.property(members, (value) => void parseAnswer(value)))
  fc.assert(
    fc.property(fc.string(), fc.string(), (username, name) => {
      const found = lookupIn({ mqtt: { username, clientId: '' } })(name)
      assert.ok(found === undefined || typeof found === 'string')
    }),
  )
})
