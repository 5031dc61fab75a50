/** A TPM and the store of its PKCS#11 keys, as a program on the device meets them. Needs swtpm and tpm2-pkcs11. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readEndorsements, type WrappedKey } from '@birthmark/chip/tpm'
import { openTpm, readPkcs11Key, tpmIdentity } from '@birthmark/chip/tpm/adapters'
import { fromHex, isFault, millis } from '@birthmark/foundation/kernel'
import { parseCertificate } from '@birthmark/foundation/x509'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { makePkcs11Key, newSwtpm } from '../testkit/swtpm.ts'

test('a TPM tells who made it, in certificates with a critical alternative name and hardly a subject', async (t) => {
  const device = await newSwtpm(t)
  const endorsements = await device.use(readEndorsements)
  const kinds = endorsements.map(({ kind }) => kind)
  assert.deepEqual(kinds, ['rsa-2048', 'ec-p384'])
  for (const { certificate: der } of endorsements) {
    const certificate = parseCertificate(der)
    assert.deepEqual(certificate.extendedKeyUsage, ['tpmEndorsement'])
    const identity = { manufacturer: 'id:00001014', model: 'swtpm', version: 'id:20191023' }
    assert.deepEqual(tpmIdentity(certificate), identity)
  }
  const properties = await device.use((tpm) => tpm.properties())
  assert.deepEqual([properties.manufacturer, properties.model], ['IBM', 'SWTPM'])
  assert.match(properties.firmware, /^\d+\.\d+$/)
})

test('a store, token, key or PIN that is not the right one has its own fault', async (t) => {
  const device = await newSwtpm(t)
  const named = makePkcs11Key(device)
  const read = (change: Partial<typeof named>): Promise<WrappedKey> =>
    device.use((tpm) => readPkcs11Key(tpm, { ...named, ...change }))
  const refuses = (change: object, code: string, says: RegExp): Promise<void> =>
    assert.rejects(read(change), (error) => isFault(error, code) && says.test(error.message))
  const empty = join(device.folder, 'empty')
  mkdirSync(empty)
  writeFileSync(join(empty, 'tpm2_pkcs11.sqlite3'), 'no database at all, but long enough to be looked at')
  await refuses({ store: join(device.folder, 'none') }, 'TPM_STORE_UNUSABLE', /none cannot be used: unable to open/)
  await refuses({ store: empty }, 'TPM_STORE_UNUSABLE', /not a database/)
  await refuses({ token: 'other' }, 'TPM_STORE_UNUSABLE', /no token of this label/)
  await refuses({ key: 'other' }, 'TPM_STORE_UNUSABLE', /no private key of this label/)
  await refuses({ pin: '000000' }, 'TPM_TOKEN_PIN_WRONG', /did not open the token/)
  assert.ok((await read({})).password.length > 0)
})

test('a TPM that is absent, held by another, or goes away has its own fault', async (t) => {
  const device = await newSwtpm(t)
  const nowhere = join(device.folder, 'nowhere')
  await assert.rejects(openTpm(nowhere), (error) => isFault(error, 'TPM_UNREACHABLE') && /ENOENT/.test(error.message))
  await assert.rejects(openTpm(join(device.folder, 'setup.conf')), (error) => {
    return isFault(error, 'TPM_UNREACHABLE') && /plain file/.test(error.message)
  })
  await device.use(async () => {
    // swtpm takes the connection, and lets it wait until the first one ends.
    const second = await openTpm(device.port, { patience: millis(100) })
    await assert.rejects(second.properties(), (error) => isFault(error, 'TPM_SILENT'))
    await assert.rejects(second.properties(), (error) => isFault(error, 'TPM_SILENT'))
    await second.close()
  })
  const tpm = await openTpm(device.port)
  await tpm.close()
  await assert.rejects(tpm.properties(), (error) => isFault(error, 'TPM_GONE'))
})

/** Answers every command on a Unix socket with the same bytes, and closes the connection after them. */
async function answering(t: TestContext, answer: Uint8Array): Promise<string> {
  const path = join(await scratchFolder(t), 'tpm')
  const server = createServer((socket) => socket.once('data', () => socket.end(answer)))
  t.after(() => server.close())
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  return path
}

test('an answer that makes no sense ends the connection', async (t) => {
  const answers = [
    ['8001 00000009 00000000', 'TPM_STRUCTURE_INVALID'],
    ['8001 00001001 00000000', 'TPM_STRUCTURE_INVALID'],
    ['8001 0000000a 00000000', 'TPM_STRUCTURE_INVALID'],
    ['8009 0000000a 00000000', 'TPM_STRUCTURE_INVALID'],
    ['8001 0000000a 00000101', 'TPM_COMMAND_REFUSED'],
    ['8001 00000014 00000000', 'TPM_GONE'],
  ] as const
  for (const [answer, code] of answers) {
    const tpm = await openTpm(await answering(t, fromHex(answer)))
    await assert.rejects(tpm.properties(), (error) => isFault(error, code), answer)
    await tpm.close()
  }
})
