/** Name constraints (RFC 5280 §4.2.1.10): openssl makes the chains and judges them, and we come to its verdicts. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { parseCertificate, verifyChain } from '@birthmark/foundation/x509'
import { opensslIn } from '../testkit/openssl.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

type Verdict = 'taken' | 'NAME_NOT_PERMITTED' | 'CRITICAL_EXTENSION_UNKNOWN'

/** What the CA may certify, the subject and alternative names of the device, and what must come of it. */
const CASES: readonly (readonly [constraints: string, subject: string, names: string, verdict: Verdict])[] = [
  ['permitted;dirName:acme', '/O=Acme/CN=meter', '', 'taken'],
  ['permitted;dirName:acme', '/O=ACME /CN=meter', '', 'taken'],
  ['permitted;dirName:acme', '/O=Other/CN=meter', '', 'NAME_NOT_PERMITTED'],
  ['permitted;dirName:acme', '/CN=meter/O=Acme', '', 'NAME_NOT_PERMITTED'],
  ['permitted;dirName:acme', '/O=Acme+OU=Press/CN=meter', '', 'NAME_NOT_PERMITTED'],
  ['permitted;dirName:acme', '/O=Acme/CN=meter', 'dirName:other', 'NAME_NOT_PERMITTED'],
  ['permitted;dirName:acme', '/', 'DNS:meter.example', 'taken'],
  ['permitted;dirName:acme,permitted;dirName:other', '/O=Other/CN=meter', '', 'taken'],
  ['excluded;dirName:acme', '/O=Acme/CN=meter', '', 'NAME_NOT_PERMITTED'],
  ['excluded;dirName:acme', '/O=Other/CN=meter', '', 'taken'],
  ['permitted;DNS:plant.example', '/CN=meter', 'DNS:plant.example', 'taken'],
  ['permitted;DNS:plant.example', '/CN=meter', 'DNS:A.Plant.Example', 'taken'],
  ['permitted;DNS:plant.example', '/CN=meter', 'DNS:*.plant.example', 'taken'],
  ['permitted;DNS:plant.example', '/CN=meter', 'DNS:notplant.example', 'NAME_NOT_PERMITTED'],
  ['permitted;DNS:plant.example', '/CN=meter', 'DNS:a.plant.example,DNS:b.other', 'NAME_NOT_PERMITTED'],
  ['permitted;DNS:.plant.example', '/CN=meter', 'DNS:plant.example', 'NAME_NOT_PERMITTED'],
  ['permitted;DNS:.plant.example', '/CN=meter', 'DNS:a.plant.example', 'taken'],
  ['permitted;DNS:plant.example', '/CN=meter', 'IP:192.0.2.1', 'taken'],
  ['permitted;DNS:example,excluded;DNS:pay.example', '/CN=meter', 'DNS:a.pay.example', 'NAME_NOT_PERMITTED'],
  ['permitted;IP:192.0.2.0/255.255.255.0', '/CN=meter', 'IP:192.0.2.77', 'taken'],
  ['permitted;IP:192.0.2.0/255.255.255.0', '/CN=meter', 'IP:192.0.3.77', 'NAME_NOT_PERMITTED'],
  ['permitted;IP:192.0.2.0/255.255.255.0', '/CN=meter', 'IP:2001:db8::1', 'NAME_NOT_PERMITTED'],
  ['permitted;IP:2001:db8::/ffff:ffff::', '/CN=meter', 'IP:2001:db8:7::1', 'taken'],
  ['excluded;IP:0.0.0.0/0.0.0.0', '/CN=meter', 'IP:192.0.2.1', 'NAME_NOT_PERMITTED'],
  ['permitted;email:acme.example', '/CN=meter', 'email:Ada@Acme.Example', 'taken'],
  ['permitted;email:acme.example', '/CN=meter', 'email:ada@a.acme.example', 'NAME_NOT_PERMITTED'],
  ['permitted;email:.acme.example', '/CN=meter', 'email:ada@a.acme.example', 'taken'],
  ['permitted;email:ada@acme.example', '/CN=meter', 'email:Ada@acme.example', 'NAME_NOT_PERMITTED'],
  ['permitted;email:ada@acme.example', '/CN=meter', 'email:ada@ACME.example', 'taken'],
  ['permitted;email:acme.example', '/CN=meter/emailAddress=ada@other.example', '', 'NAME_NOT_PERMITTED'],
  ['permitted;URI:.acme.example', '/CN=meter', 'URI:https://a.acme.example:8443/x', 'taken'],
  ['permitted;URI:.acme.example', '/CN=meter', 'URI:https://acme.example/', 'NAME_NOT_PERMITTED'],
  ['permitted;URI:acme.example', '/CN=meter', 'URI:https://ACME.example/x', 'taken'],
  ['permitted;URI:acme.example', '/CN=meter', 'URI:urn:uuid:1', 'CRITICAL_EXTENSION_UNKNOWN'],
  ['permitted;RID:1.2.3', '/CN=meter', 'RID:1.2.3.4', 'CRITICAL_EXTENSION_UNKNOWN'],
]

test('openssl and we come to the same verdict on every chain under name constraints', async (t) => {
  const { judge } = await world(t)
  for (const [constraints, subject, names, verdict] of CASES) {
    const what = `${constraints} | ${subject} | ${names}`
    const { ours, theirs } = judge(`critical,${constraints}`, subject, names)
    assert.equal(ours, verdict, what)
    assert.equal(theirs, verdict === 'taken', what)
  }
})

test('a CA that forgot to mark its constraints as critical is held to them, and openssl does the same', async (t) => {
  const { judge } = await world(t)
  assert.deepEqual(judge('permitted;DNS:a.example', '/CN=meter', 'DNS:b.example'), {
    ours: 'NAME_NOT_PERMITTED',
    theirs: false,
  })
})

test('where a wildcard may stand for an excluded host we are stricter than openssl', async (t) => {
  const { judge } = await world(t)
  const excluded = 'critical,excluded;DNS:pay.example.com'
  assert.deepEqual(judge(excluded, '/CN=meter', 'DNS:*.example.com'), { ours: 'NAME_NOT_PERMITTED', theirs: true })
  assert.deepEqual(judge(excluded, '/CN=meter', 'DNS:*.example.org'), { ours: 'taken', theirs: true })
})

test('constraints of a CA further up count as well', async (t) => {
  const { judge } = await world(t, 'nameConstraints=critical,permitted;DNS:plant.example')
  assert.equal(judge('critical,permitted;DNS:example', '/CN=meter', 'DNS:a.plant.example').ours, 'taken')
  assert.deepEqual(judge('critical,permitted;DNS:example', '/CN=meter', 'DNS:a.example'), {
    ours: 'NAME_NOT_PERMITTED',
    theirs: false,
  })
})

interface World {
  readonly judge: (
    constraints: string,
    subject: string,
    names: string,
  ) => { readonly ours: Verdict; readonly theirs: boolean }
}

/** A root, and what makes a CA and a device below it and judges both. */
async function world(t: Parameters<typeof scratchFolder>[0], ofTheRoot = ''): Promise<World> {
  const folder = await scratchFolder(t)
  const openssl = opensslIn(folder)
  const file = (name: string): string => join(folder, name)
  const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
  const extension = ofTheRoot === '' ? [] : ['-addext', ofTheRoot]
  openssl(`req -x509 ${key} -keyout root.key -out root.pem -subj /CN=Root -days 30`, ...extension)
  openssl(`req -new ${key} -keyout ca.key -out ca.csr -subj /O=Acme/CN=CA`)
  openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.key')
  return {
    judge(constraints, subject, names) {
      const sections = '\n[acme]\nO=Acme\n[other]\nO=Other\n'
      writeFileSync(file('ca.ext'), `basicConstraints=critical,CA:TRUE\nnameConstraints=${constraints}\n${sections}`)
      openssl('x509 -req -in ca.csr -CA root.pem -CAkey root.key -days 30 -extfile ca.ext -out ca.pem')
      openssl('req -new -key leaf.key -out leaf.csr -multivalue-rdn -utf8', '-subj', subject)
      writeFileSync(file('leaf.ext'), `${names === '' ? '' : `subjectAltName=${names}\n`}${sections}`)
      const extensions = names === '' ? '' : ' -extfile leaf.ext'
      openssl(`x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -days 30 -out leaf.pem${extensions}`)
      const words = ['verify', '-CAfile', 'root.pem', '-untrusted', 'ca.pem', 'leaf.pem']
      return { ours: verdictOf(file), theirs: spawnSync('openssl', words, { cwd: folder }).status === 0 }
    },
  }
}

function verdictOf(file: (name: string) => string): Verdict {
  const read = (name: string) => parseCertificate(readFileSync(file(name), 'utf8'))
  const [leaf, ca, root] = [read('leaf.pem'), read('ca.pem'), read('root.pem')]
  try {
    verifyChain({ leaf, intermediates: [ca], anchors: [root], now: systemClock.now(), purpose: 'clientAuth' })
    return 'taken'
  } catch (error) {
    if (isFault(error, 'NAME_NOT_PERMITTED') || isFault(error, 'CRITICAL_EXTENSION_UNKNOWN')) {
      return error.code === 'NAME_NOT_PERMITTED' ? 'NAME_NOT_PERMITTED' : 'CRITICAL_EXTENSION_UNKNOWN'
    }
    throw error
  }
}
