import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type FirstConnection,
  type FirstConnectionOutcome,
  type PresentedCertificate,
  planFirstConnection,
  provisionFirstConnection,
  registerPending,
} from '@birthmark/cloud/provisioning'
import type { CommitResult, ScopedRegistry, TemplateRecord } from '@birthmark/cloud/registry'
import { isFault } from '@birthmark/foundation/kernel'
import { parseCertificate } from '@birthmark/foundation/x509'
import {
  caWith,
  connectionOf,
  deviceCertificate,
  idOf,
  NOW,
  policyNamed,
  SCOPE,
  withRegistry,
} from './adapters/testing/devices.ts'
import { COMMIT_TRIES_MAX } from './first-connection.ts'
import { COMMON_NAME, DOCUMENT, SERIAL, templateText } from './testing/templates.ts'

const onScope = (body: (scoped: ScopedRegistry) => Promise<void>) => () =>
  withRegistry(async (registry) => {
    await registry.in(SCOPE).commit([policyNamed('meter-policy')])
    await body(registry.in(SCOPE))
  })

const connect = (scoped: ScopedRegistry, name: string, template = templateText()): Promise<FirstConnectionOutcome> =>
  provisionFirstConnection(scoped, connectionOf(name, template))

test(
  'a first connection leaves thing, certificate, policy and attachment',
  onScope(async (scoped) => {
    const outcome = await connect(scoped, 'press-7')
    assert.ok(outcome.outcome === 'provisioned')
    assert.deepEqual([outcome.thingName, outcome.status, outcome.changes.length], ['press-7', 'ACTIVE', 5])
    await expectProvisioned(scoped, 'press-7')
    const certificate = await scoped.certificate(idOf('press-7'))
    assert.deepEqual(
      [certificate?.pem, certificate?.mode, certificate?.caId, certificate?.customerVersion],
      ['the certificate of press-7', 'SNI_ONLY', idOf('ca'), 2],
    )
    const again = await connect(scoped, 'press-7')
    assert.deepEqual(again.outcome === 'provisioned' && [again.thingName, again.changes], ['press-7', []])
  }),
)

test(
  'a new certificate for the same key is the same device, where that is asked for',
  onScope(async (scoped) => {
    const keys = new Map([
      ['the certificate of press-7', 'one'],
      ['the certificate of renewed', 'one'],
      ['the certificate of cloned', 'two'],
    ])
    const again = (name: string, publicKeyOf?: FirstConnection['publicKeyOf']): Promise<FirstConnectionOutcome> => {
      const certificate = deviceCertificate(name, deviceCertificate('press-7').subject)
      return provisionFirstConnection(scoped, {
        ...connectionOf(name, templateText(), certificate),
        ...(publicKeyOf && { publicKeyOf }),
      })
    }
    const keyOf = (pem: string): Uint8Array => new TextEncoder().encode(keys.get(pem))
    await connect(scoped, 'press-7')
    await again('cloned', keyOf)
    const outcome = await again('renewed', keyOf)
    assert.ok(outcome.outcome === 'provisioned')
    assert.match(outcome.explanation.at(-1) ?? '', /has the same key and is replaced$/)
    const held = await scoped.principalsOfThing('press-7')
    assert.deepEqual(held.map((one) => one.certificateId).toSorted(), [idOf('cloned'), idOf('renewed')].toSorted())
    assert.equal((await scoped.certificate(idOf('press-7')))?.status, 'INACTIVE')
    assert.equal((await scoped.certificate(idOf('cloned')))?.status, 'ACTIVE')
    await again('cloned-again')
    assert.equal((await scoped.principalsOfThing('press-7')).length, 3, 'both stay unless asked otherwise')
  }),
)

test(
  'many first connections of one device at once end in one thing with one attachment',
  onScope(async (scoped) => {
    const template = templateText({ policy: { PolicyDocument: DOCUMENT } })
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => connect(scoped, 'press-7', template)))
    assert.ok(outcomes.every(({ outcome }) => outcome === 'provisioned'))
    assert.equal(
      outcomes.filter((outcome) => outcome.outcome === 'provisioned' && outcome.changes.length > 0).length,
      1,
    )
    await expectProvisioned(scoped, 'press-7')
    assert.equal((await scoped.policies({ limit: 9 })).rows.length, 2)
  }),
)

test(
  'many devices at once share the policy that the first of them makes',
  onScope(async (scoped) => {
    const template = templateText({ policy: { PolicyDocument: DOCUMENT } })
    const names = Array.from({ length: 30 }, (_, n) => `meter-${n}`)
    const outcomes = await Promise.all(names.map((name) => connect(scoped, name, template)))
    assert.ok(outcomes.every(({ outcome }) => outcome === 'provisioned'))
    for (const name of names) await expectProvisioned(scoped, name)
    assert.equal((await scoped.policies({ limit: 9 })).rows.length, 2)
  }),
)

test(
  'devices that change one and the same thing each get their turn, or are told to come back',
  onScope(async (scoped) => {
    const template = templateText({
      thing: { ThingName: 'shared', AttributePayload: { last: { Ref: COMMON_NAME } } },
      thingOverrides: { AttributePayload: 'REPLACE' },
      parameters: { [COMMON_NAME]: { Type: 'String' } },
    })
    const names = Array.from({ length: COMMIT_TRIES_MAX + 3 }, (_, n) => `meter-${n}`)
    const outcomes = await Promise.all(names.map((name) => connect(scoped, name, template)))
    const failed = outcomes.filter((outcome) => outcome.outcome === 'failed')
    assert.ok(failed.length > 0 && failed.every(({ code }) => code === 'PROVISIONING_CONTENDED'))
    for (const name of names) assert.equal((await connect(scoped, name, template)).outcome, 'provisioned')
    assert.equal((await scoped.principalsOfThing('shared')).length, names.length)
  }),
)

test(
  'a template that fails leaves the certificate pending, says why, and works once it is put right',
  onScope(async (scoped) => {
    const template = templateText({ policy: { PolicyName: 'later' } })
    for (const _ of ['first', 'second']) {
      const outcome = await connect(scoped, 'press-7', template)
      assert.ok(outcome.outcome === 'failed')
      assert.equal(outcome.code, 'PROVISIONING_POLICY_ABSENT')
      assert.match(outcome.reason, /^policy later of the template does not exist; \$\.Resources\.policy.* \(line 1, /)
      assert.match(outcome.remedy, /Create the policy/)
      assert.equal((await scoped.certificate(idOf('press-7')))?.status, 'PENDING_ACTIVATION')
      assert.equal(await scoped.thing('press-7'), undefined)
    }
    await scoped.commit([policyNamed('later')])
    assert.equal((await connect(scoped, 'press-7', template)).outcome, 'provisioned')
    await expectProvisioned(scoped, 'press-7')
  }),
)

test(
  'every way in which the template cannot be had or run',
  onScope(async (scoped) => {
    const record = (name: string, members: Partial<TemplateRecord>): TemplateRecord => ({
      name,
      type: 'JITP',
      description: '',
      enabled: true,
      roleArn: 'r',
      body: templateText(),
      defaultVersionId: 1,
      createdAt: NOW,
      modifiedAt: NOW,
      ...members,
    })
    const records = [
      record('off', { enabled: false }),
      record('fleet', { type: 'FLEET_PROVISIONING' }),
      record('good', {}),
    ]
    await scoped.commit(records.map((template) => ({ do: 'create-template', template }) as const))
    const subject = [
      { type: '2.5.4.3', value: 'by-oid' },
      { type: 'serialNumber', value: 'S' },
    ]
    const rows: readonly (readonly [string | undefined, string | undefined, string])[] = [
      [undefined, undefined, 'PROVISIONING_NOT_CONFIGURED'],
      [undefined, 'unknown', 'PROVISIONING_TEMPLATE_ABSENT'],
      [undefined, 'fleet', 'PROVISIONING_TEMPLATE_ABSENT'],
      [undefined, 'off', 'PROVISIONING_TEMPLATE_DISABLED'],
      ['{', undefined, 'TEMPLATE_NOT_JSON'],
      [templateText({ thing: { ThingName: 'a', PackageVersions: {} } }), undefined, 'TEMPLATE_NOT_IMPLEMENTED'],
      [
        templateText({
          parameters: { 'AWS::IoT::Certificate::Country': { Type: 'String' } },
          thing: { ThingName: 'a' },
        }),
        undefined,
        'PROVISIONING_SUBJECT_ATTRIBUTE_MISSING',
      ],
      [undefined, 'good', 'provisioned'],
    ]
    for (const [body, name, expected] of rows) {
      const connection = { ...connectionOf('d', '', deviceCertificate('d', subject)), ca: caWith(body, name) }
      const outcome = await provisionFirstConnection(scoped, connection)
      assert.equal(outcome.outcome === 'failed' ? outcome.code : outcome.outcome, expected)
    }
    assert.equal((await scoped.thingsOfPrincipal(idOf('d')))[0]?.thingName, 'by-oid')
  }),
)

test(
  'an active device is not provisioned again, whatever became of the template',
  onScope(async (scoped) => {
    await connect(scoped, 'press-7')
    const template = templateText({
      thing: { ThingName: { Ref: COMMON_NAME }, AttributePayload: { sn: 'other' } },
      thingOverrides: { AttributePayload: 'REPLACE' },
    })
    for (const changed of [template, '{']) {
      const outcome = await connect(scoped, 'press-7', changed)
      assert.deepEqual(outcome.outcome === 'provisioned' && outcome.changes, [])
    }
    await expectProvisioned(scoped, 'press-7')
  }),
)

test(
  'a certificate that was switched off is not provisioned again',
  onScope(async (scoped) => {
    await connect(scoped, 'press-7')
    for (const to of ['INACTIVE', 'REVOKED'] as const) {
      await scoped.commit([
        { do: 'set-certificate-status', id: idOf('press-7'), from: ['ACTIVE', 'INACTIVE'], to, at: NOW },
      ])
      const outcome = await connect(scoped, 'press-7')
      assert.deepEqual(outcome.outcome === 'failed' && outcome.code, 'PROVISIONING_CERTIFICATE_STATE')
      assert.equal((await scoped.certificate(idOf('press-7')))?.status, to)
    }
  }),
)

test(
  'just-in-time registration stops at PENDING_ACTIVATION; provisioning can follow',
  onScope(async (scoped) => {
    const connection = connectionOf('press-7', templateText())
    const first = await registerPending(scoped, connection)
    assert.deepEqual(await registerPending(scoped, { ...connection, now: NOW }), first)
    assert.equal(first.status, 'PENDING_ACTIVATION')
    assert.equal((await provisionFirstConnection(scoped, connection)).outcome, 'provisioned')
    await expectProvisioned(scoped, 'press-7')
  }),
)

test(
  'a dry run commits nothing',
  onScope(async (scoped) => {
    const { plan, existing } = await planFirstConnection(scoped, connectionOf('press-7', templateText()))
    assert.deepEqual([plan.changes.length, existing.certificate, existing.policies.length], [5, undefined, 1])
    assert.equal(await scoped.certificate(idOf('press-7')), undefined)
  }),
)

test(
  'a store that fails before its commit leaves nothing; one that fails after it leaves everything',
  onScope(async (scoped) => {
    for (const [name, afterCommit] of [
      ['before', false],
      ['after', true],
    ] as const) {
      const connection = connectionOf(name, templateText())
      await assert.rejects(provisionFirstConnection(failing(scoped, afterCommit), connection), /planned failure/)
      assert.equal((await scoped.certificate(idOf(name)))?.status, afterCommit ? 'ACTIVE' : undefined)
      assert.equal((await scoped.thing(name))?.name, afterCommit ? name : undefined)
      const outcome = await connect(scoped, name)
      assert.equal(outcome.outcome === 'provisioned' && outcome.changes.length, afterCommit ? 0 : 5)
      await expectProvisioned(scoped, name)
    }
  }),
)

test(
  'a real certificate gives its subject to the template',
  onScope(async (scoped) => {
    const certificate: PresentedCertificate = parseCertificate(CERTIFICATE)
    const names = ['Country', 'StateName', 'Organization', 'OrganizationalUnit', 'DistinguishedNameQualifier']
    const parameters = [COMMON_NAME, SERIAL, ...names.map((name) => `AWS::IoT::Certificate::${name}`)]
    const template = templateText({
      parameters: Object.fromEntries(parameters.map((name) => [name, { Type: 'String' }])),
      thing: {
        ThingName: { 'Fn::Join': [':', parameters.map((name) => ({ Ref: name }))] },
        AttributePayload: { id: { Ref: 'AWS::IoT::Certificate::Id' } },
      },
    })
    const connection: FirstConnection = connectionOf('', template, certificate)
    const outcome = await provisionFirstConnection(scoped, connection)
    assert.deepEqual(outcome.outcome === 'provisioned' && outcome.thingName, 'press-7:SN0042:DE:Bayern:Acme:line-7:q1')
    const [thing] = (await scoped.things({ limit: 1 })).rows
    // openssl x509 -fingerprint -sha256
    assert.equal(thing?.attributes['id'], '2ad08f6cb6fd2de34034e06c660847f82910ac4569bae7e1ce63c647bd3b3375')
  }),
)

test('the template is only run for a fingerprint', async () => {
  await withRegistry(async (registry) => {
    const connection = connectionOf('a', templateText(), { ...deviceCertificate('a'), fingerprint: 'ab' })
    await assert.rejects(provisionFirstConnection(registry.in(SCOPE), connection), (error) => !isFault(error))
  })
})

/** A registry whose commits all fail: before they are made, or when only the answer is missing. */
function failing(scoped: ScopedRegistry, afterCommit: boolean): ScopedRegistry {
  return new Proxy(scoped, {
    get(target, name) {
      if (name !== 'commit') {
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      }
      return async (changes: Parameters<ScopedRegistry['commit']>[0]): Promise<CommitResult> => {
        if (afterCommit) await target.commit(changes)
        throw new Error('planned failure')
      }
    },
  })
}

async function expectProvisioned(scoped: ScopedRegistry, name: string): Promise<void> {
  const id = idOf(name)
  const attachment = { thingName: name, certificateId: id, exclusive: false }
  assert.deepEqual((await scoped.thing(name))?.attributes, { sn: `SN-${name}` })
  assert.equal((await scoped.certificate(id))?.status, 'ACTIVE')
  assert.deepEqual(await scoped.thingsOfPrincipal(id), [attachment])
  assert.deepEqual(await scoped.principalsOfThing(name), [attachment])
  assert.equal((await scoped.attachedPolicies(id)).length, 1)
}

/** Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256`, OpenSSL 3.0.22; it has two units. */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIICWjCCAf+gAwIBAgIULEt+povr7SVM01TD1n0XJ61OdGkwCgYIKoZIzj0EAwIw
gYAxCzAJBgNVBAYTAkRFMQ8wDQYDVQQIDAZCYXllcm4xDTALBgNVBAoMBEFjbWUx
DzANBgNVBAsMBmxpbmUtNzEQMA4GA1UECwwHc2hpZnQtMjEQMA4GA1UEAwwHcHJl
c3MtNzEPMA0GA1UEBRMGU04wMDQyMQswCQYDVQQuEwJxMTAgFw0yNjExMjEwMzQ1
MDFaGA8yMzAwMDkwNjAzNDUwMVowgYAxCzAJBgNVBAYTAkRFMQ8wDQYDVQQIDAZC
YXllcm4xDTALBgNVBAoMBEFjbWUxDzANBgNVBAsMBmxpbmUtNzEQMA4GA1UECwwH
c2hpZnQtMjEQMA4GA1UEAwwHcHJlc3MtNzEPMA0GA1UEBRMGU04wMDQyMQswCQYD
VQQuEwJxMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPvPkKQG1TP4XKp238Cv
MFz75RR6RicCuqpemlzr6itq+ptcWev/aNxniTG54AimVdaDdT431hrhJ0lFBMXj
hxqjUzBRMB0GA1UdDgQWBBRoQlOwoQUDxNvDQe73fah4Sj6o2zAfBgNVHSMEGDAW
gBRoQlOwoQUDxNvDQe73fah4Sj6o2zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0kAMEYCIQCDY1V/Ue4GvbOrGJJPB5YwsCr7tQx5ULtBg3K+l13/9wIhAKM/
ypNCp7qFVT4RaxA6GHqAbm4xgCMjOKaGy46RqVVI
-----END CERTIFICATE-----`
