import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, isFault, toHex } from '../kernel/index.ts'
import type { TbsDraft } from './build.ts'
import { verifyChain } from './index.ts'
import { NAME_CONSTRAINTS, NAME_SUBTREES_COUNT_MAX } from './name-constraints.ts'
import { forge, type Identity, makeRoot, NOW } from './testing/pki.ts'

/*
 * What each kind of constraint allows is tested with openssl in testing/system/name-constraints.test.ts; here is what
 * openssl does not write.
 */

const root = await makeRoot()
const CA: Partial<TbsDraft> = { isCa: true, keyUsage: ['keyCertSign'], extendedKeyUsage: [] }
const ACME = [{ type: 'O', value: 'Acme' }]
/** Permitted: the directory name O=Acme. */
const ONLY_ACME = '3017 a015 3013 a411 300f 310d 300b 0603 55040a 0c04 41636d65'.replaceAll(' ', '')

function constrained(value: Uint8Array, draft: Partial<TbsDraft> = {}): Promise<Identity> {
  const extensions = [{ oid: NAME_CONSTRAINTS, critical: true, value }]
  return forge(root, { ...CA, subject: ACME, extensions, ...draft })
}

function judge(leaf: Identity, ...intermediates: readonly Identity[]): string {
  try {
    verifyChain({
      leaf: leaf.certificate,
      intermediates: intermediates.map(({ certificate }) => certificate),
      anchors: [root.certificate],
      now: NOW,
      purpose: 'clientAuth',
    })
    return 'taken'
  } catch (error) {
    assert.ok(isFault(error, 'NAME_NOT_PERMITTED') || isFault(error, 'CRITICAL_EXTENSION_UNKNOWN'), String(error))
    return error.message
  }
}

test('the message says whose certificate has which name, and which CA may not certify it', async () => {
  const ca = await constrained(fromHex(ONLY_ACME))
  const subject = [{ type: 'O', value: 'Other' }]
  const says = 'the certificate of O=Other has this subject, which the CA O=Acme may not certify'
  assert.equal(judge(await forge(ca, { subject }), ca), says)
  assert.equal(judge(await forge(ca, { subject: ACME }), ca), 'taken')
  const subjectAlternativeNames = [{ type: 'uri', value: 'urn:uuid:1' }] as const
  assert.equal(judge(await forge(ca, { subject: ACME, subjectAlternativeNames }), ca), 'taken')
})

test('a CA that was issued to itself is passed over, the device below it is not', async () => {
  // Everything below .example, where a mailbox in its own name is not.
  const mailbox = [{ type: 'emailAddress', value: 'ca@other.test' }]
  const ca = await constrained(fromHex('300d a00b 3009 8107 6578616d706c65'.replaceAll(' ', '')), { subject: mailbox })
  const again = await forge(ca, { ...CA, subject: mailbox })
  assert.equal(judge(await forge(again), again, ca), 'taken')
  assert.match(judge(await forge(again, { subject: mailbox }), again, ca), /has the email name ca@other\.test/)
})

test('a URI whose host depends on who reads it is below no constraint', async () => {
  // Everything at .example.
  const ca = await constrained(fromHex('300e a00c 300a 8608 2e6578616d706c65'.replaceAll(' ', '')))
  const verdict = async (value: string): Promise<string> =>
    judge(await forge(ca, { subject: ACME, subjectAlternativeNames: [{ type: 'uri', value }] }), ca)
  for (const uri of ['https://a.example', 'https://u:p@a.example:8443/x@y', 'coap://A.EXAMPLE?q']) {
    assert.equal(await verdict(uri), 'taken', uri)
  }
  for (const uri of ['https://u@a.example:80@b.test/', 'https://u@b.test@a.example/', 'https://a.example:x@b.test']) {
    assert.notEqual(await verdict(uri), 'taken', uri)
  }
})

test('constraints that cannot be judged, and too many of them, are refused', async () => {
  const bodyOf = (subtree: string, count: number): Uint8Array => {
    const list = Buffer.concat(Array.from({ length: count }, () => fromHex(subtree)))
    const long = (tag: number, content: Uint8Array): Buffer =>
      Buffer.concat([Uint8Array.of(tag, 0x82, content.length >> 8, content.length & 0xff), content])
    return long(0x30, long(0xa0, list))
  }
  // A host of one letter; longer than 255 bytes together.
  const host = '30038201' + '61'
  const few = await constrained(bodyOf(host, NAME_SUBTREES_COUNT_MAX))
  assert.equal(judge(await forge(few), few), 'taken')
  const unknown = /critical extension that is not understood: 2\.5\.29\.30/
  const withMinimum = fromHex('300a a008 3006 8201 61 8001 01'.replaceAll(' ', ''))
  for (const value of [bodyOf(host, NAME_SUBTREES_COUNT_MAX + 1), withMinimum]) {
    const ca = await constrained(value)
    assert.match(judge(await forge(ca), ca), unknown, toHex(value).slice(0, 20))
  }
})

test('arbitrary constraints give a verdict', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat({ max: ONLY_ACME.length / 2 - 1 }), fc.nat({ max: 255 })).map(([at, octet]) => {
      return fromHex(ONLY_ACME).with(at, octet)
    }),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (value) => {
      const ca = await constrained(value)
      judge(await forge(ca), ca)
    }),
    { numRuns: 60 },
  )
})
