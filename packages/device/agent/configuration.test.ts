import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { parseConfiguration, readConfiguration } from './configuration.ts'

const GOOD = `
data: data
endpoint: { host: localhost, root: root.pem }
element: { software: keys.json, passphrase: passphrase }
`

test('a short configuration has all defaults; paths are seen from its folder', () => {
  const found = parseConfiguration(GOOD, '/etc/meter/device.yaml')
  assert.equal(found.data, '/etc/meter/data')
  assert.equal(found.root, '/etc/meter/root.pem')
  assert.deepEqual(found.endpoint, { host: 'localhost', port: 8883 })
  assert.deepEqual(found.element, {
    kind: 'software',
    path: '/etc/meter/keys.json',
    passphrase: '/etc/meter/passphrase',
  })
  assert.equal(found.clientId, '{name}')
  assert.deepEqual([found.claim, found.rotation, found.receiver, found.telemetry], Array(4).fill(undefined))
})

test('JSON is read as well, and rotation takes the template of provisioning', () => {
  const text = JSON.stringify({
    data: '/var/lib/meter',
    endpoint: { host: 'localhost' },
    element: { pkcs11: 'pkcs11:token=t?module-path=/usr/lib/m.so' },
    claim: { certificate: 'c.pem', key: 'c.key' },
    provisioning: { template: 'meters', parameters: { SerialNumber: '{uid}' } },
    rotation: { beforeExpiryDays: 2, close: { controlPlane: 'http://127.0.0.1:9080', region: 'eu-central-1' } },
  })
  const { rotation, element } = parseConfiguration(text, '/etc/device.json')
  assert.equal(element.kind, 'pkcs11')
  assert.deepEqual(rotation, {
    template: 'meters',
    parameters: { SerialNumber: '{uid}' },
    close: { by: 'control-plane', url: 'http://127.0.0.1:9080', region: 'eu-central-1' },
    beforeExpiry: 172_800_000,
  })
})

const REFUSED: readonly (readonly [what: string, text: string, says: RegExp])[] = [
  ['nothing', '', /it is no object with members/],
  ['a list', '- a', /it is no object with members/],
  ['no YAML', 'data: [', /line 1: /],
  ['a member twice', `${GOOD}data: other\n`, /line 5: Map keys must be unique/],
  ['an unknown member', `${GOOD}telemtry: { topic: a }\n`, /line 5: telemtry is unknown here; known are .*telemetry/],
  ['an unknown member inside', GOOD.replace('host:', 'hots: x, host:'), /line 3: endpoint.hots is unknown here/],
  ['no element', 'data: d\nendpoint: { host: h }\n', /element is missing/],
  ['two elements', GOOD.replace('software:', 'chip: c, software:'), /line 4: element must name exactly one of chip, /],
  ['an element without passphrase', GOOD.replace(', passphrase: passphrase', ''), /element.passphrase is missing/],
  ['a token without module', GOOD.replace(/software.*passphrase }/, 'pkcs11: "pkcs11:token=t" }'), /with module-path/],
  [
    'a port out of range',
    GOOD.replace('host:', 'port: 70000, host:'),
    /endpoint.port must be a whole number from 1 to/,
  ],
  ['a host that is a number', GOOD.replace('localhost', '5'), /endpoint.host must be a host name, in quotes/],
  ['a text for an object', GOOD.replace(/\{ host.*\}/, 'localhost'), /endpoint must be an object with members/],
  ['a claim without template', `${GOOD}claim: { certificate: c, key: k }\n`, /provisioning is missing: a claim needs/],
  ['half a claim', `${GOOD}claim: { certificate: c }\nprovisioning: { template: t }\n`, /line 5: claim.key is missing/],
  [
    'a wrong template name',
    `${GOOD}provisioning: { template: "a b" }\n`,
    /provisioning.template must be a template's name/,
  ],
  [
    'a number as parameter',
    `${GOOD}provisioning: { template: t, parameters: { S: 1 } }\n`,
    /parameters.S must be a text, in quotes/,
  ],
  ['no way to close', `${GOOD}rotation: { template: t }\n`, /rotation.close is missing/],
  ['a closing without region', `${GOOD}rotation: { template: t, close: {} }\n`, /rotation.close.region is missing/],
  [
    'a back-off upside down',
    `${GOOD}backoff: { firstSeconds: 9, longestSeconds: 3 }\n`,
    /must not be less than firstSeconds/,
  ],
  ['a shadow', `${GOOD}shadow: { name: x }\n`, /line 5: shadow is not implemented: this agent has no device shadow/],
  ['jobs', `${GOOD}jobs: {}\n`, /line 5: jobs is not implemented: this agent has no jobs/],
  ['too much', `# ${'x'.repeat(70_000)}`, /more than 65536 characters/],
  ['aliases without end', aliasBomb(), /alias/i],
]

for (const [what, text, says] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseConfiguration(text, 'device.yaml'),
      (error) => isFault(error, 'CONFIGURATION_INVALID') && says.test(error.message),
    )
  })
}

test('all problems are told at once', () => {
  assert.throws(
    () => parseConfiguration('data: 5\nclaims: 1\n', 'device.yaml'),
    (error) =>
      isFault(error, 'CONFIGURATION_INVALID') &&
      ['data must be', 'claims is unknown', 'endpoint is missing', 'element is missing'].every((one) =>
        error.message.includes(one),
      ),
  )
})

test('a file that is not there is said to be absent', () => {
  assert.throws(
    () => readConfiguration('/nowhere/device.yaml'),
    (error) => isFault(error, 'CONFIGURATION_ABSENT'),
  )
})

test('the examples of the guide are configurations', () => {
  const text = readFileSync(new URL('../../../docs/guides/agent.md', import.meta.url), 'utf8')
  const [whole = '', receiver = ''] = Array.from(text.matchAll(/^```yaml\n([^]*?)^```$/gm), ([, block = '']) => block)
  const found = parseConfiguration(whole + receiver, 'device.yaml')
  assert.deepEqual(found.receiver, { host: '127.0.0.1', port: 8080 })
  assert.equal(found.rotation?.close.by, 'topic')
})

test('any text is read or refused, never anything else', () => {
  const lines = fc.constantFrom(
    'data: d',
    'endpoint:',
    '  host: h',
    'element: {chip: c}',
    '- x',
    '&a [*a]',
    '{',
    '!!x y',
    ': :',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(lines).map((all) => all.join('\n')),
      ),
      (text) => {
        try {
          parseConfiguration(text, 'device.yaml')
        } catch (error) {
          assert.ok(isFault(error, 'CONFIGURATION_INVALID'), String(error))
        }
      },
    ),
  )
})

function aliasBomb(): string {
  const levels = ['a: &a [x,x,x,x,x,x,x,x]']
  for (let level = 1; level < 8; level += 1) {
    const [name, last] = [level, level - 1].map((at) => String.fromCharCode(97 + at))
    levels.push(`${name}: &${name} [${Array(8).fill(`*${last}`).join(',')}]`)
  }
  return levels.join('\n')
}
