import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { concat, fromHex, isFault, toHex } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import { parseAttest, parseSignature } from './attest.ts'
import { certificatesIn, namesKey } from './certificates.ts'
import { codeName, decodeResponse, encodeCommand, responseCode } from './command.ts'
import { parseChallenge, parseOffer, parsePending, parseProof } from './documents.ts'
import { parsePublic, spkiOf } from './public-area.ts'
import { ATTESTATION_TEMPLATE, ENDORSEMENT_KEYS } from './templates.ts'
import { AK, attestOf, EK, softwareKey } from './testing/software-keys.ts'
import { readSized, sized, uint16s, uint32 } from './wire.ts'

const BYTES = fc.uint8Array({ maxLength: 300 })

/** Real structures with some octets changed, cut off or put behind. */
function changed(original: Uint8Array): fc.Arbitrary<Uint8Array> {
  const at = fc.nat({ max: original.length - 1 })
  const edits = fc.array(fc.tuple(at, fc.nat({ max: 255 })), { maxLength: 4 })
  return fc.tuple(edits, fc.nat({ max: original.length }), fc.uint8Array({ maxLength: 4 })).map(([list, end, tail]) => {
    const copy = Uint8Array.from(original)
    for (const [index, value] of list) copy[index] = value
    return concat(copy.subarray(0, end), tail)
  })
}

const SELECTIONS = fromHex('00000002 000b 03 010080 0004 03 000000')
const QUOTE = attestOf(0x8018, new Uint8Array(32), concat(SELECTIONS, sized(new Uint8Array(32))))
const CERTIFY = attestOf(0x8017, new Uint8Array(32), concat(sized(new Uint8Array(34)), sized(new Uint8Array(34))))
const SIGNATURE = concat(uint16s(0x0018, 0x000b), sized(new Uint8Array(32)), sized(new Uint8Array(31)))

const PARSERS: readonly {
  readonly what: string
  readonly parse: (bytes: Uint8Array) => unknown
  readonly samples: readonly Uint8Array[]
}[] = [
  {
    what: 'public area',
    parse: parsePublic,
    samples: [ATTESTATION_TEMPLATE, softwareKey(AK).publicArea, ...ENDORSEMENT_KEYS.map(({ template }) => template)],
  },
  { what: 'attestation', parse: parseAttest, samples: [QUOTE, CERTIFY] },
  { what: 'signature', parse: parseSignature, samples: [SIGNATURE] },
  { what: 'TPM2B', parse: (bytes) => readSized(bytes, 'TPM2B'), samples: [sized(SIGNATURE)] },
  {
    what: 'response',
    parse: (bytes) => decodeResponse(bytes, { name: 'CreatePrimary', handleCount: 1 }),
    samples: [fromHex('8002 00000019 00000000 80000001 00000004 00020102 0000 01')],
  },
]
for (const { what, parse, samples } of PARSERS) {
  test(`arbitrary and changed bytes as a ${what} give a value or a declared fault`, () => {
    const bytes = fc.oneof(BYTES, ...samples.map(changed))
    fc.assert(
      fc.property(bytes, (input) => {
        const before = toHex(input)
        try {
          parse(input)
        } catch (error) {
          assert.ok(isFault(error, 'TPM_STRUCTURE_INVALID') || isFault(error, 'TPM_COMMAND_REFUSED'), String(error))
        }
        assert.equal(toHex(input), before)
      }),
      { numRuns: 1000 },
    )
    for (const sample of samples) parse(sample)
  })
}

test('arbitrary bytes in the memory of a TPM give certificates that lie in it one behind the other', () => {
  const headed = fc
    .tuple(fc.nat({ max: 40 }), BYTES)
    .map(([low, rest]) => concat(fromHex('308200'), Uint8Array.of(low), rest))
  fc.assert(
    fc.property(
      fc.oneof(
        BYTES,
        headed,
        fc.tuple(headed, headed).map(([a, b]) => concat(a, b)),
      ),
      (memory) => {
        const found = certificatesIn(memory)
        assert.equal(toHex(concat(...found)), toHex(memory).slice(0, 2 * concat(...found).length))
        for (const one of found) assert.ok(one.length >= 4)
      },
    ),
  )
})

test('arbitrary JSON as a document gives a value or a declared fault', () => {
  const parsers = [parseOffer, parseChallenge, parsePending, parseProof]
  const names = ['offer', 'challenge', 'pending', 'proof'].map((name) => `birthmark-tpm-${name}-1`)
  const hex = fc.uint8Array({ minLength: 1, maxLength: 4 }).map(toHex)
  const field = fc.oneof(hex, fc.string(), fc.integer(), fc.array(hex), fc.jsonValue())
  const fields = fc.dictionary(
    fc.constantFrom('nonce', 'secret', 'intermediates', 'validUntil', 'attestationKey'),
    field,
  )
  const document = fc.tuple(fields, fc.constantFrom(...names)).map(([rest, name]) => ({ ...rest, document: name }))
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), document), fc.constantFrom(...parsers), (value, parse) => {
      try {
        assert.ok(parse(value))
      } catch (error) {
        assert.ok(isFault(error, 'TPM_DOCUMENT_INVALID'), String(error))
      }
    }),
  )
})

test('a document is taken with the fields that it has, and for what it says it is', () => {
  const challenge = { document: 'birthmark-tpm-challenge-1', credentialBlob: 'ab', encryptedSeed: 'cd', nonce: 'ef' }
  assert.deepEqual(parseChallenge({ ...challenge, more: 1 }), challenge)
  const wrong = [
    { ...challenge, document: 'birthmark-tpm-proof-1' },
    { ...challenge, nonce: 'e' },
    { ...challenge, nonce: 'EF' },
    { ...challenge, nonce: '' },
    { ...challenge, nonce: undefined },
    { ...challenge, nonce: 'ab'.repeat(16_385) },
    Object.create(challenge),
  ]
  for (const value of wrong) {
    assert.throws(
      () => parseChallenge(value),
      (error) => isFault(error, 'TPM_DOCUMENT_INVALID'),
    )
  }
  const offer = {
    document: 'birthmark-tpm-offer-1',
    endorsementCertificate: '00',
    intermediates: Array(8).fill('00'),
    endorsementKey: '00',
    attestationKey: '00',
  }
  assert.deepEqual(parseOffer(offer), offer)
  assert.throws(
    () => parseOffer({ ...offer, intermediates: Array(9).fill('00') }),
    (error) => isFault(error, 'TPM_DOCUMENT_INVALID'),
  )
})

test('an RSA key becomes the SubjectPublicKeyInfo that OpenSSL writes, whatever its first octets', () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const modulus = Uint8Array.from(Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'))
  const spki = spkiOf({ type: 'rsa', modulus, exponent: 65_537 })
  assert.deepEqual(spki, Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' })))
  const small = spkiOf({ type: 'rsa', modulus: concat(Uint8Array.of(0, 0x7f), modulus.subarray(2)), exponent: 3 })
  createPublicKey({ key: Buffer.from(small), format: 'der', type: 'spki' })
})

test('a coordinate without its leading zeros is read, one that is too long is not', () => {
  const short = softwareKey(EK, { x: Uint8Array.of(7) })
  const { key } = parsePublic(short.publicArea)
  assert.ok(key.type === 'ecc' && key.x.length === 32 && key.x[31] === 7 && key.x[30] === 0)
  assert.throws(
    () => parsePublic(softwareKey(EK, { x: new Uint8Array(33) }).publicArea),
    (error) => isFault(error, 'TPM_STRUCTURE_INVALID') && /too long/.test(error.message),
  )
})

test('what this room does not use in keys and signatures is refused with its number', () => {
  const template = toHex(ATTESTATION_TEMPLATE)
  const rows = [
    [template.replace(/^0023/, '0025'), /type 37/],
    [template.replace(/^0023000b/, '00230004'), /hash 4/],
    [template.replace(/00030010/, '00200010'), /curve 32/],
    [template.replace(/0018000b/, '001a000b'), /scheme 26/],
    [template.replace(/00030010/, '00030007'), /derives/],
    [`${template}00`, /1 bytes follow/],
  ] as const
  for (const [hex, why] of rows) {
    assert.throws(
      () => parsePublic(fromHex(hex)),
      (error) => isFault(error, 'TPM_STRUCTURE_INVALID') && why.test(error.message),
      hex,
    )
  }
  assert.throws(() => parseSignature(fromHex('0014 0004 0001 00')), /scheme 20 with the hash 4/)
  assert.throws(() => parseAttest(concat(fromHex('ff544348'), CERTIFY.subarray(4))), /TPM_GENERATED_VALUE/)
  assert.throws(() => parseAttest(attestOf(0x8018, new Uint8Array(0), fromHex('00000011'))), /17 banks/)
  assert.deepEqual(parseAttest(attestOf(0x801a, new Uint8Array(0), fromHex('00'))).statement, {
    kind: 'other',
    type: 0x801a,
  })
})

test('a command is written as the library says', () => {
  assert.equal(
    toHex(encodeCommand({ name: 'FlushContext', parameters: uint32(0x80000001) })),
    '80010000000e0000016580000001',
  )
  const certify = encodeCommand({
    name: 'Certify',
    handles: [0x80000001, 0x80000002],
    authorizations: [{ password: Uint8Array.of(0xaa) }, { policySession: 0x03000000 }],
    parameters: fromHex('0000 0010'),
  })
  const sessions = '40000009 0000 00 0001 aa 03000000 0000 00 0000'.replaceAll(' ', '')
  assert.equal(toHex(certify), `80020000002d000001488000000180000002${'00000013'}${sessions}00000010`)
})

test('codes of both formats have their names, whatever handle or parameter they mean', () => {
  const names = [0x101, 0x922, 0x18b, 0x1df, 0x98e, 0x9a2, 0x99d, 0x2c4].map(codeName)
  const expected = ['FAILURE', 'RETRY', 'HANDLE', 'INTEGRITY', 'AUTH_FAIL', 'BAD_AUTH', 'POLICY_FAIL', 'VALUE']
  assert.deepEqual(names, expected)
  assert.equal(codeName(0x7ff), 'unknown')
  assert.equal(responseCode(new Uint8Array(9)), undefined)
})

test('a key is found in a certificate only octet by octet', () => {
  const certificate = fromHex('30820000 1234 5678')
  assert.equal(namesKey(certificate, fromHex('3456')), true)
  assert.equal(namesKey(certificate, fromHex('2345')), false)
  assert.equal(namesKey(certificate, fromHex('99')), false)
})
