import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'
import { newTlsAuthority } from '../../../testing/testkit/tls-identities.ts'
import { openClaim, readClaim } from './claim.ts'
import { requireIdentity } from './identity-store.ts'
import { advance, EMPTY_JOURNAL } from './journal.ts'
import { JournalFile } from './journal-file.ts'
import { openStore } from './open-store.ts'
import { softwareStore } from './software-store.ts'

const authority = await newTlsAuthority()
const PASSPHRASE = 'a passphrase of some length'

test('a key file keeps two identities, encrypted and for its owner only', async (context) => {
  const folder = await scratchFolder(context)
  const [path, passphrase] = [join(folder, 'keys.json'), join(folder, 'passphrase')]
  writeFileSync(passphrase, `${PASSPHRASE}\n`)
  const store = softwareStore(path, passphrase)
  for (const place of ['first', 'second'] as const) {
    const [leaf] = await authority.certify((await store.newKey(place)).publicKey)
    assert.ok(leaf !== undefined)
    await store.writeCertificate(place, leaf)
  }
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const text = readFileSync(path, 'utf8')
  assert.match(text, /ENCRYPTED PRIVATE KEY/)
  const again = softwareStore(path, passphrase)
  assert.equal(again.uid, store.uid)
  const { certificate, signer } = await requireIdentity(again, 'second')
  assert.deepEqual(certificate.publicKey, signer.publicKey)
  await again.newKey('second')
  assert.equal(await again.identity('second'), undefined, 'a certificate outlived its key')
  await assert.rejects(requireIdentity(again, 'second'), (error) => isFault(error, 'ELEMENT_KEY_MISSING'))

  writeFileSync(passphrase, 'another passphrase of some length')
  await assert.rejects(softwareStore(path, passphrase).identity('first'), (error) =>
    isFault(error, 'ELEMENT_FILE_DAMAGED'),
  )
})

test('what is no key file, or has a weak passphrase, is refused', async (context) => {
  const folder = await scratchFolder(context)
  const [path, passphrase] = [join(folder, 'keys.json'), join(folder, 'passphrase')]
  writeFileSync(passphrase, 'short')
  assert.throws(
    () => softwareStore(path, passphrase),
    (error) => isFault(error, 'ELEMENT_PASSPHRASE_WEAK'),
  )
  writeFileSync(passphrase, PASSPHRASE)
  for (const text of ['', 'x', '[]', '{}', '{"birthmark-device-keys":1,"uid":"zz"}']) {
    writeFileSync(path, text)
    assert.throws(
      () => softwareStore(path, passphrase),
      (error) => isFault(error, 'ELEMENT_FILE_DAMAGED'),
    )
  }
})

test('a chip that is not there is not made', async (context) => {
  const path = join(await scratchFolder(context), 'absent.chip')
  await assert.rejects(openStore({ kind: 'chip', path }), (error) => isFault(error, 'ELEMENT_CHIP_ABSENT'))
})

test('a journal is what was written last, and damage is told', async (context) => {
  const folder = await scratchFolder(context)
  const file = JournalFile.open(folder)
  assert.deepEqual(file.journal, EMPTY_JOURNAL)
  const certificateId = 'ab'.repeat(32)
  let journal = advance(EMPTY_JOURNAL, { do: 'begin', replaced: { place: 'first', certificateId: 'cd'.repeat(32) } })
  for (const event of [
    { do: 'offer', certificateId, certificatePem: 'PEM', token: 'token' },
    { do: 'provision', thingName: 'meter' },
    { do: 'prove' },
    { do: 'closed', certificateId: 'cd'.repeat(32) },
  ] as const) {
    file.write(journal)
    assert.deepEqual(JournalFile.open(folder).journal, journal)
    journal = advance(journal, event)
  }
  file.write(journal)
  assert.deepEqual(JournalFile.open(folder).journal, journal)
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
  const good = readFileSync(file.path, 'utf8')
  for (const bad of ['', '[]', good.slice(0, -9), good.replace('second', 'third'), good.replace('": 1', '": 2')]) {
    writeFileSync(file.path, bad)
    assert.throws(
      () => JournalFile.open(folder),
      (error) => isFault(error, 'AGENT_STATE_DAMAGED'),
      bad,
    )
  }
})

test('a claim needs its own key', async () => {
  const leaf = authority.root
  for (const [certificate, key] of [
    ['', ''],
    [leaf.toPem(), 'no key'],
  ] as const) {
    assert.throws(
      () => openClaim(certificate, key),
      (error) => isFault(error, 'CLAIM_UNUSABLE'),
    )
  }
  assert.throws(
    () => readClaim({ certificate: '/nowhere', key: '/nowhere', passphrase: undefined }),
    (error) => isFault(error, 'CLAIM_UNUSABLE'),
  )
})
