import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto'
import { test } from 'node:test'
import { newTlsAuthority } from '../../../../testing/testkit/tls-identities.ts'
import {
  attributeOf,
  bytesOf,
  findObjects,
  generateKeyPair,
  openSession,
  refusesCall,
  tokenBench,
} from '../../../../testing/testkit/token-bench.ts'
import { type Attribute, type AttributeRoom, CKA, CKM, CKO, CKR, spkiOfEcPoint } from '../index.ts'
import { openTrustXToken } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('a key is made, found, and signs what its public half verifies', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [publicKey, privateKey] = await generateKeyPair(program, session)
  const spki = spkiOfEcPoint(await bytesOf(program, session, publicKey, CKA.EC_POINT))
  const key = createPublicKey({ key: Buffer.from(spki!), format: 'der', type: 'spki' })
  const message = randomBytes(100)
  for (const [mechanism, hash, input] of [
    [CKM.ECDSA, 'sha256', createHash('sha256').update(message).digest()],
    [CKM.ECDSA, 'sha384', createHash('sha384').update(message).digest()],
    [CKM.ECDSA, 'sha1', createHash('sha1').update(message).digest()],
    [CKM.ECDSA_SHA256, 'sha256', message],
    [CKM.ECDSA_SHA384, 'sha384', message],
  ] as const) {
    await program.call('SignInit', [session, { type: mechanism }, privateKey])
    assert.deepEqual(await program.call('Sign', [session, input, 0]), [{ size: 64 }], 'a question for the size')
    assert.deepEqual(await program.call('Sign', [session, input, 63]), [{ size: 64 }], 'too little room')
    const [signature] = await program.call('Sign', [session, input, 64])
    assert.ok(signature instanceof Uint8Array)
    assert.ok(verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature), `${mechanism} ${hash}`)
    await refusesCall(program.call('Sign', [session, input, 64]), 'CKR_OPERATION_NOT_INITIALIZED')
  }
  await program.call('SignInit', [session, { type: CKM.ECDSA_SHA256 }, privateKey])
  for (const half of [message.subarray(0, 50), message.subarray(50)]) await program.call('SignUpdate', [session, half])
  const [signature] = await program.call('SignFinal', [session, 64])
  assert.ok(signature instanceof Uint8Array)
  assert.ok(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature))
})

test('objects are found under the names of the chip’s users, under readable ones, and by CKA_ID', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [publicKey, privateKey] = await generateKeyPair(program, session)
  const label = (name: string): Attribute => ({ type: CKA.LABEL, value: text(name) })
  assert.deepEqual(await findObjects(program, session, [label('0xE0F1')]), [privateKey, publicKey])
  assert.deepEqual(await findObjects(program, session, [label('device 1 key')]), [privateKey, publicKey])
  const isPrivate = { type: CKA.CLASS, value: CKO.PRIVATE_KEY }
  assert.deepEqual(await findObjects(program, session, [isPrivate, { type: CKA.ID, value: Uint8Array.of(1) }]), [
    privateKey,
  ])
  assert.deepEqual(await findObjects(program, session, [label('another')]), [])
  assert.deepEqual(await findObjects(program, session, [{ type: CKA.ID }]), [])
})

test('a certificate finds its place beside the key that it certifies, and can be destroyed', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  await generateKeyPair(program, session)
  const [publicKey] = await generateKeyPair(program, session)
  const spki = spkiOfEcPoint(await bytesOf(program, session, publicKey, CKA.EC_POINT))
  const [certificate] = await (await newTlsAuthority()).certify(spki!)
  const template = [
    { type: CKA.CLASS, value: CKO.CERTIFICATE },
    { type: CKA.TOKEN, value: 1 },
    { type: CKA.VALUE, value: certificate!.der },
  ]
  const [handle] = await program.call('CreateObject', [session, template])
  assert.deepEqual(await bytesOf(program, session, handle, CKA.VALUE), certificate!.der)
  assert.deepEqual(await bytesOf(program, session, handle, CKA.ID), Uint8Array.of(2))
  assert.deepEqual(await bytesOf(program, session, handle, CKA.LABEL), text('0xE0E2'))
  assert.deepEqual(await bench.chip.readCertificate('0xE0E2'), certificate!.der)
  await program.call('DestroyObject', [session, handle])
  assert.equal(await bench.chip.readCertificate('0xE0E2'), undefined)
  await refusesCall(program.call('GetObjectSize', [session, handle]), 'CKR_OBJECT_HANDLE_INVALID')
  const anchor = [...template, { type: CKA.LABEL, value: text('0xE0E8') }]
  const [anchorHandle] = await program.call('CreateObject', [session, anchor])
  assert.deepEqual(await bytesOf(program, session, anchorHandle, CKA.LABEL), text('0xE0E8'))
})

test('a public key of another key is not shown: the chip must prove the one beside it', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  await generateKeyPair(program, session, 1)
  await generateKeyPair(program, session, 2)
  // Somebody else makes a new key in the same slot and leaves what was kept of the old one.
  await bench.chip.generateKey('0xE0F1')
  const { source } = await openTrustXToken(bench.chip)
  const keys = source.objects.filter(({ kind }) => kind === 'key')
  assert.deepEqual(
    keys.map(({ slot }) => slot),
    ['0xE0F2', '0xE0F0'],
  )
})

test('no call gets a private key out or makes it extractable', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [, key] = await generateKeyPair(program, session)
  assert.deepEqual(await attributeOf(program, session, key, CKA.VALUE), {
    value: undefined,
    code: CKR.ATTRIBUTE_SENSITIVE,
  })
  for (const [type, value] of [
    [CKA.SENSITIVE, 1],
    [CKA.ALWAYS_SENSITIVE, 1],
    [CKA.EXTRACTABLE, 0],
    [CKA.NEVER_EXTRACTABLE, 1],
  ] as const) {
    assert.deepEqual(await attributeOf(program, session, key, type), { value, code: CKR.OK })
  }
  const open = [{ type: CKA.EXTRACTABLE, value: 1 }]
  await refusesCall(program.call('SetAttributeValue', [session, key, open]), 'CKR_ACTION_PROHIBITED')
  await refusesCall(program.call('CopyObject', [session, key, open]), 'CKR_ACTION_PROHIBITED')
  await refusesCall(program.call('WrapKey', [session, { type: 1 }, key, key, 4096]), 'CKR_FUNCTION_NOT_SUPPORTED')
})

test('attributes are told as far as they can be, with one code for the rest', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  const [, key] = await generateKeyPair(program, session)
  const ask = (rooms: readonly AttributeRoom[]) => program.call('GetAttributeValue', [session, key, rooms])
  assert.deepEqual(
    await ask([
      { type: CKA.LABEL, room: 0 },
      { type: CKA.CLASS, room: 8 },
      { type: 0x9999, room: 8 },
    ]),
    [
      [{ type: CKA.LABEL, value: { size: 6 } }, { type: CKA.CLASS, value: 3n }, { type: 0x9999 }],
      CKR.ATTRIBUTE_TYPE_INVALID,
    ],
  )
  assert.deepEqual(await ask([{ type: CKA.LABEL, room: 5 }]), [[{ type: CKA.LABEL }], CKR.BUFFER_TOO_SMALL])
  await refusesCall(ask([{ type: 0x4000_0211, room: 24, inner: [] }]), 'CKR_ATTRIBUTE_TYPE_INVALID')
  await refusesCall(ask(Array.from({ length: 257 }, () => ({ type: 0, room: 8 }))), 'CKR_ARGUMENTS_BAD')
})

test('random numbers and digests', async (context) => {
  const bench = await tokenBench(context)
  const program = await bench.program()
  const session = await openSession(program)
  for (const count of [0, 1, 8, 257, 1000]) {
    const [random] = await program.call('GenerateRandom', [session, count])
    assert.ok(random instanceof Uint8Array && random.length === count)
  }
  await refusesCall(program.call('GenerateRandom', [session, 1_000_000]), 'CKR_ARGUMENTS_BAD')
  await program.call('DigestInit', [session, { type: CKM.SHA256 }])
  assert.deepEqual(await program.call('Digest', [session, text('abc'), 10]), [{ size: 32 }])
  const [digest] = await program.call('Digest', [session, text('abc'), 32])
  assert.deepEqual(digest, new Uint8Array(createHash('sha256').update('abc').digest()))
  await program.call('DigestInit', [session, { type: CKM.SHA512 }])
  for (const part of ['a', 'bc']) await program.call('DigestUpdate', [session, text(part)])
  const [long] = await program.call('DigestFinal', [session, 64])
  assert.deepEqual(long, new Uint8Array(createHash('sha512').update('abc').digest()))
})
