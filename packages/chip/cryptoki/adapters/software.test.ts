import assert from 'node:assert/strict'
import { createECDH, createHash, createPublicKey, verify } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { isFault } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import { newTlsAuthority } from '../../../../testing/testkit/tls-identities.ts'
import {
  bytesOf,
  CHEAP,
  connectProgram,
  findObjects,
  generateKeyPair,
  openSession,
  refusesCall,
} from '../../../../testing/testkit/token-bench.ts'
import { CKA, CKF, CKM, CKO } from '../index.ts'
import { type CryptokiConnection, createSoftwareToken, openSoftwareToken, serveTokens } from './index.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Serves a software token, made first when its file is absent; `stop` lets go of it. */
async function served(context: TestContext, file: string, make = true) {
  if (make) await createSoftwareToken(file, { label: 'meter', pin: '4711', soPin: '87654321', cost: CHEAP })
  const open = openSoftwareToken(file, CHEAP)
  const socket = join(await scratchFolder(context), 'token.sock')
  const server = await serveTokens(socket, [open.token])
  let isStopped = false
  const stop = async (): Promise<void> => {
    if (isStopped) return
    isStopped = true
    await server.close()
    open.close()
  }
  context.after(stop)
  return { program: () => connectProgram(context, socket), stop, token: open.token }
}

async function signedIn(program: CryptokiConnection): Promise<bigint> {
  const session = await openSession(program)
  await program.call('Login', [session, 1n, text('4711')])
  return session
}

test('keys of a software token sign and agree, keep their names, and survive a restart', async (context) => {
  const file = join(await scratchFolder(context), 'meter.token')
  const first = await served(context, file)
  const program = await first.program()
  const session = await signedIn(program)
  const info = await program.call('GetTokenInfo', [1n])
  assert.deepEqual(info[0], text('meter'.padEnd(32)))
  assert.equal(info[4] & CKF.LOGIN_REQUIRED, CKF.LOGIN_REQUIRED)
  const names = [{ type: CKA.LABEL, value: text('my key') }]
  const [publicKey] = await generateKeyPair(program, session, { id: 9, template: names })
  await generateKeyPair(program, session, { curve: 'p384' })
  const spki = await bytesOf(program, session, publicKey, CKA.PUBLIC_KEY_INFO)
  const [certificate] = await (await newTlsAuthority()).certify(spki)
  const [handle] = await program.call('CreateObject', [
    session,
    [
      { type: CKA.CLASS, value: CKO.CERTIFICATE },
      { type: CKA.TOKEN, value: 1 },
      { type: CKA.VALUE, value: certificate!.der },
    ],
  ])
  assert.deepEqual(await bytesOf(program, session, handle, CKA.LABEL), text('my key'), 'it is paired with its key')
  await program.call('CreateObject', [
    session,
    [
      { type: CKA.CLASS, value: CKO.DATA },
      { type: CKA.TOKEN, value: 1 },
      { type: CKA.APPLICATION, value: text('app') },
      { type: CKA.VALUE, value: text('note') },
    ],
  ])
  await first.stop()
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const second = await served(context, file, false)
  const next = await second.program()
  const again = await signedIn(next)
  assert.equal((await findObjects(next, again, [])).length, 6)
  const [key] = await findObjects(next, again, [...names, { type: CKA.CLASS, value: CKO.PRIVATE_KEY }])
  const message = text('a message')
  await next.call('SignInit', [again, { type: CKM.ECDSA_SHA256 }, key!])
  const [signature] = await next.call('Sign', [again, message, 64])
  assert.ok(signature instanceof Uint8Array)
  const opened = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' })
  assert.ok(verify('sha256', message, { key: opened, dsaEncoding: 'ieee-p1363' }, signature))
  const peer = createECDH('prime256v1')
  const parameter = { kind: 'ecdh', kdf: 1n, shared: undefined, publicKey: peer.generateKeys() } as const
  const readable = [
    { type: CKA.SENSITIVE, value: 0 },
    { type: CKA.EXTRACTABLE, value: 1 },
  ]
  const [secret] = await next.call('DeriveKey', [again, { type: CKM.ECDH1_DERIVE, parameter }, key!, readable])
  const point = spki.subarray(-65)
  assert.deepEqual(await bytesOf(next, again, secret, CKA.VALUE), new Uint8Array(peer.computeSecret(point)))
})

test('private keys are in the file encrypted only, and in memory only while a user is logged in', async (context) => {
  const file = join(await scratchFolder(context), 'meter.token')
  const { program: connect, token } = await served(context, file)
  const one = await connect()
  const two = await connect()
  const session = await signedIn(one)
  const other = await signedIn(two)
  const [, key] = await generateKeyPair(one, session)
  await two.call('SignInit', [other, { type: CKM.ECDSA }, key])
  await one.call('Logout', [session])
  await two.call('Sign', [other, createHash('sha256').digest(), 64])
  const [stored] = token.source.objects
  assert.ok(stored?.kind === 'key')
  two.close()
  await assert.rejects(async () => {
    // The end of the last program's connection logs out, a moment after it is closed.
    for (;;) {
      await turnOfTheLoop()
      await token.source.sign(stored, new Uint8Array(32))
    }
  })
  await refusesCall(generateKeyPair(one, session), 'CKR_USER_NOT_LOGGED_IN')
  await refusesCall(one.call('SignInit', [session, { type: CKM.ECDSA }, key]), 'CKR_USER_NOT_LOGGED_IN')
})

test('another PIN opens the same keys; the security officer can set it', async (context) => {
  const file = join(await scratchFolder(context), 'meter.token')
  const { program: connect } = await served(context, file)
  const program = await connect()
  const session = await signedIn(program)
  const [, key] = await generateKeyPair(program, session)
  await program.call('SetPIN', [session, text('4711'), text('0815')])
  await program.call('Logout', [session])
  await refusesCall(program.call('Login', [session, 1n, text('4711')]), 'CKR_PIN_INCORRECT')
  await program.call('Login', [session, 0n, text('87654321')])
  await program.call('InitPIN', [session, text('4711')])
  await program.call('Logout', [session])
  await program.call('Login', [session, 1n, text('4711')])
  await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
  const [signature] = await program.call('Sign', [session, new Uint8Array(32).fill(1), 64])
  assert.ok(signature instanceof Uint8Array)
  await program.call('CloseSession', [session])
  await program.call('InitToken', [1n, text('87654321'), text('empty'.padEnd(32))])
  const next = await openSession(program)
  assert.deepEqual(await findObjects(program, next, []), [])
  await refusesCall(program.call('Login', [next, 1n, text('4711')]), 'CKR_USER_PIN_NOT_INITIALIZED')
})

test('a token has as many objects as the limit, of bounded size', async (context) => {
  const file = join(await scratchFolder(context), 'meter.token')
  const { program: connect } = await served(context, file)
  const program = await connect()
  const session = await signedIn(program)
  const create = (bytes: number) =>
    program.call('CreateObject', [
      session,
      [
        { type: CKA.CLASS, value: CKO.DATA },
        { type: CKA.TOKEN, value: 1 },
        { type: CKA.VALUE, value: new Uint8Array(bytes) },
      ],
    ])
  await refusesCall(create(20_000), 'CKR_DEVICE_MEMORY')
  const [first] = await create(1)
  for (let count = 1; count < 64; count++) await create(1)
  await refusesCall(create(1), 'CKR_DEVICE_MEMORY')
  await program.call('DestroyObject', [session, first])
  await create(1)
})

test('a file that is no token, is damaged, or is taken stays as it is', async (context) => {
  const folder = await scratchFolder(context)
  const file = join(folder, 'meter.token')
  const isRefused = (code: string) => (error: unknown) => isFault(error, code)
  assert.throws(() => openSoftwareToken(file), isRefused('CRYPTOKI_FILE_ABSENT'))
  const options = { label: 'meter', pin: '4711', soPin: '87654321', cost: CHEAP }
  await createSoftwareToken(file, options)
  await assert.rejects(createSoftwareToken(file, options), isRefused('CRYPTOKI_FILE_EXISTS'))
  const open = openSoftwareToken(file)
  assert.throws(() => openSoftwareToken(file), isRefused('CHIP_FILE_IN_USE'))
  open.close()
  const whole: object = JSON.parse(readFileSync(file, 'utf8'))
  for (const broken of [
    '',
    '{}',
    { ...whole, serial: 'x' },
    { ...whole, pins: 5 },
    { ...whole, objects: 5 },
    { ...whole, objects: [5] },
    { ...whole, objects: [{ kind: 'key', slot: '1', curve: 'p521' }] },
    { ...whole, objects: [{ kind: 'other', slot: '1' }] },
    { ...whole, objects: [{ kind: 'data' }] },
  ]) {
    const content = typeof broken === 'string' ? broken : JSON.stringify(broken)
    writeFileSync(file, content)
    assert.throws(() => openSoftwareToken(file), isRefused('CRYPTOKI_FILE_DAMAGED'), content)
    assert.equal(readFileSync(file, 'utf8'), content)
  }
})

test('a private key that was exchanged in the file for another one is not used', async (context) => {
  const file = join(await scratchFolder(context), 'meter.token')
  const first = await served(context, file)
  const program = await first.program()
  const session = await signedIn(program)
  for (const id of [1, 2]) await generateKeyPair(program, session, id)
  await first.stop()
  const content = JSON.parse(readFileSync(file, 'utf8')) as { objects: { private: string }[] }
  const [one, two] = content.objects
  one!.private = two!.private
  writeFileSync(file, JSON.stringify(content))
  const second = await served(context, file, false)
  const next = await second.program()
  const again = await signedIn(next)
  const [key] = await findObjects(next, again, [{ type: CKA.CLASS, value: CKO.PRIVATE_KEY }])
  await next.call('SignInit', [again, { type: CKM.ECDSA }, key!])
  await refusesCall(next.call('Sign', [again, new Uint8Array(32), 64]), 'CKR_DEVICE_ERROR')
})
