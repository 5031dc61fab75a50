import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { keyIdOf } from '@birthmark/factory/ledger'
import { type Clock, days, later, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { scratchFolder } from '../../../../testing/testkit/scratch-folder.ts'
import type { Authority } from '../authority.ts'
import { acceptCertificate, requestCertificate } from '../ca-exchange.ts'
import { createAuthority } from '../create.ts'
import { Journal } from '../journal.ts'
import { type AuthorityOptions, openAuthority } from '../open.ts'
import { writeAccount } from './account.ts'
import { SealedBook } from './book.ts'
import { type SealRequest, sealCa } from './grant.ts'
import { type ReconcilePorts, reconcileSealed } from './reconcile.ts'

const PORTS = { clock: systemClock, entropy: systemEntropy, log: silentLog }
const passphrase = 'a passphrase for tests'

test('a sealed CA signs by itself, and every certificate is accounted for, in several accounts', async (t) => {
  const { ports, station, file } = await place(t, { count: 4 })
  await issue(station, 'a', 'b')
  const first = await reconcileSealed(await account(station, file('1')), { last: false }, ports)
  assert.deepEqual([first.issued, first.unresolved, first.voided, first.left], [2, 0, 0, 2])
  await issue(station, 'b', 'c')
  const second = await reconcileSealed(await account(station, file('2')), { last: true }, ports)
  assert.deepEqual([second.issued, second.left, second.last], [3, 0, true])
  const again = await reconcileSealed(file('2'), { last: false }, ports)
  assert.deepEqual(again, second, 'the same account again changes nothing')
  assert.ok(existsSync(join(ports.folder, `${second.serial}.jsonl`)))
  const [state] = ports.book.states
  assert.deepEqual([state?.serial, state?.account?.issued, state?.broken], [second.serial, 3, undefined])

  await issue(station, 'd')
  await assertBroken(await account(station, file('3')), ports, /went on after its last account/)
})

test('one certificate more than granted revokes the sealed CA, now and whenever it is asked again', async (t) => {
  const { ports, station, file } = await place(t, { count: 2 })
  await issue(station, 'a', 'b', 'c')
  const path = await account(station, file('1'))
  await assertBroken(path, ports, /signed 3 certificates, and its grant is of 2/)
  await assertBroken(path, ports, /signed 3 certificates/)
  assert.equal(ports.book.states[0]?.account, undefined)
})

test('a journal that was set back to an earlier state is noticed, longer or shorter', async (t) => {
  for (const more of [[], ['x', 'y']]) {
    const { ports, station, file } = await place(t, { count: 9 })
    const journal = join(station.folder, 'journal.jsonl')
    await issue(station, 'a')
    const before = readFileSync(journal)
    await issue(station, 'b')
    await reconcileSealed(await account(station, file('1')), { last: false }, ports)
    writeFileSync(journal, before)
    writeFileSync(`${journal}.index`, '')
    await issue(station, 'a', ...more)
    await assertBroken(await account(station, file('2')), ports, /journal is not the one of its last account/)
  }
})

test('what was signed too late, by another key, or outside the names is found', async (t) => {
  const late = await place(t, { count: 9 })
  await onJournal(late.station, { now: () => later(systemClock.now(), days(2)) }, (journal) =>
    journal.intend({ serial: '4001', profile: 'device', publicKeyHash: '0'.repeat(64) }),
  )
  await assertBroken(await account(late.station, late.file('1')), late.ports, /4001 was signed after the grant/)

  const foreign = await place(t, { count: 9 })
  await onJournal(foreign.station, systemClock, async (journal) => {
    await journal.intend({ serial: '4001', profile: 'device', publicKeyHash: '0'.repeat(64) })
    await journal.complete('4001', foreign.ports.authority.issuing.der)
  })
  const path = await account(foreign.station, foreign.file('1'))
  await assertBroken(path, foreign.ports, /what stands for 4001 is no certificate of this CA/)

  const named = await place(t, { count: 9, organization: 'Acme' })
  await issue(named.station, 'a')
  await assertBroken(await account(named.station, named.file('1')), named.ports, /is not named under Acme/)
})

test('a serial number that may exist counts, until another one has replaced it', async (t) => {
  const { ports, station, file } = await place(t, { count: 2 })
  await issue(station, 'a')
  await onJournal(station, systemClock, (journal) =>
    journal.intend({ serial: '4001', profile: 'device', publicKeyHash: '0'.repeat(64) }),
  )
  const { issued, unresolved, left } = await reconcileSealed(await account(station, file('1')), { last: false }, ports)
  assert.deepEqual([issued, unresolved, left], [1, 1, 0])
})

test('an account that was changed, cut off or is of a stranger is refused, and harms nobody', async (t) => {
  const { ports, station, file } = await place(t, { count: 9 })
  await issue(station, 'a')
  const good = readFileSync(await account(station, file('1')))
  for (let at = 0; at < good.length; at += 97) {
    const bad = Uint8Array.from(good)
    bad[at] = (bad[at] ?? 0) ^ 1
    writeFileSync(file('bad'), bad)
    await assert.rejects(reconcileSealed(file('bad'), { last: false }, ports), { code: 'SEALED_ACCOUNT_INVALID' })
    writeFileSync(file('bad'), good.subarray(0, at))
    await assert.rejects(reconcileSealed(file('bad'), { last: false }, ports), { code: 'SEALED_ACCOUNT_INVALID' })
  }
  const other = await place(t, { count: 9 })
  const stranger = await account(other.station, file('2'))
  await assert.rejects(reconcileSealed(stranger, { last: false }, ports), { code: 'SEALED_CA_UNKNOWN' })
  const unbooked = await sealedStation(t, ports.authority, (csr) =>
    ports.authority.issue({ kind: 'ca', csr, profile: 'issuing-ca' }),
  )
  const unknown = await account(unbooked, file('3'))
  await assert.rejects(reconcileSealed(unknown, { last: false }, ports), { code: 'SEALED_CA_UNKNOWN' })
  assert.equal(ports.authority.revokedCount, 0)
})

test('a device that two stations gave an identity is named', async (t) => {
  const { ports, station, file } = await place(t, { count: 9 })
  const second = await sealedStation(t, ports.authority, (csr) => seal({ csr, count: 9 }, ports))
  await issue(station, 'a', 'b')
  await issue(second, 'b')
  await reconcileSealed(await account(station, file('1')), { last: false }, ports)
  await assert.rejects(reconcileSealed(await account(second, file('2')), { last: false }, ports), {
    code: 'SEALED_DEVICE_TWICE',
    message: /the device request\/b of this account/,
  })
})

test('a grant is bounded, and a key has one; a book knows everything when it is opened again', async (t) => {
  const { ports } = await place(t, { count: 9 })
  const csr = await csrOf('another')
  const refused = { code: 'SEALED_GRANT_REFUSED' }
  await assert.rejects(seal({ csr, count: 0 }, ports), refused)
  await assert.rejects(seal({ csr, count: 100_001 }, ports), refused)
  await assert.rejects(seal({ csr, count: 1, lasts: days(31) }, ports), refused)
  await assert.rejects(seal({ csr, count: 1, organization: 'Ümlaut' }, ports), refused)
  await seal({ csr, count: 1, organization: 'Acme & Sons' }, ports)
  await assert.rejects(seal({ csr, count: 1, organization: 'Acme & Sons' }, ports), { code: 'SEALED_CA_KEY_KNOWN' })
  const { states } = ports.book
  await ports.book.close()
  const book = await SealedBook.open({ path: join(ports.folder, '../sealed.jsonl'), ...PORTS })
  t.after(() => book.close())
  assert.deepEqual(book.states, states)
})

test('a grant that a crash came upon is asked for again, for the same and no more', async (t) => {
  const { ports } = await place(t, {})
  const signer = await fresh()
  const csr = await createCsr({ subject: [{ type: 'CN', value: 'Station' }], signer })
  const until = later(systemClock.now(), days(1))
  await ports.book.grant({ key: keyIdOf(signer.publicKey), count: 5, until })
  await assert.rejects(seal({ csr, count: 6 }, ports), { code: 'SEALED_CA_KEY_KNOWN' })
  const { certificate } = await seal({ csr, count: 5 }, ports)
  assert.equal(ports.book.states.at(-1)?.serial, parseCertificate(certificate).serialNumber)
})

interface Place {
  readonly ports: ReconcilePorts
  readonly station: AuthorityOptions
  readonly file: (name: string) => string
}

/** A root, the CA of a station that it sealed for a day, and room for files. */
async function place(t: TestContext, request: Partial<SealRequest>): Promise<Place> {
  const folder = await scratchFolder(t)
  const root = { folder: join(folder, 'root'), passphrase, ...PORTS }
  await createAuthority({ ...root, rootName: [{ type: 'CN', value: 'Root' }] })
  const authority = await openAuthority(root)
  t.after(() => authority.close())
  const book = await SealedBook.open({ path: join(folder, 'sealed.jsonl'), ...PORTS })
  t.after(() => book.close())
  const ports = { authority, book, folder: join(folder, 'sealed') }
  const station = await sealedStation(t, authority, (csr) => seal({ csr, ...request }, ports))
  return { ports, station, file: (name) => join(folder, name) }
}

async function seal(
  request: Partial<SealRequest> & Pick<SealRequest, 'csr'>,
  { authority, book }: ReconcilePorts,
): ReturnType<typeof sealCa> {
  return sealCa({ count: 1, lasts: days(1), ...request }, { authority, book, clock: systemClock })
}

async function sealedStation(
  t: TestContext,
  authority: Authority,
  sign: (csr: Uint8Array) => ReturnType<Authority['issue']>,
): Promise<AuthorityOptions> {
  const folder = join(await scratchFolder(t), 'station')
  const csr = await requestCertificate({ folder, passphrase, name: [{ type: 'CN', value: 'Station' }] })
  const { certificate } = await sign(csr)
  const certificates = [parseCertificate(certificate), authority.issuing]
  await acceptCertificate({ folder, passphrase, certificates, ...PORTS })
  return { folder, passphrase, ...PORTS }
}

async function issue(station: AuthorityOptions, ...names: readonly string[]): Promise<void> {
  const authority = await openAuthority(station)
  for (const name of names) {
    await authority.issue({ kind: 'device', csr: await csrOf(name), idempotencyKey: name })
  }
  await authority.close()
}

async function account(station: AuthorityOptions, path: string): Promise<string> {
  const authority = await openAuthority(station)
  await writeAccount(path, authority, station.folder)
  await authority.close()
  return path
}

async function onJournal(
  { folder }: AuthorityOptions,
  clock: Clock,
  work: (journal: Journal) => Promise<void>,
): Promise<void> {
  const journal = await Journal.open({ path: join(folder, 'journal.jsonl'), clock, log: silentLog })
  await work(journal)
  await journal.close()
}

async function assertBroken(path: string, ports: ReconcilePorts, message: RegExp): Promise<void> {
  await assert.rejects(reconcileSealed(path, { last: false }, ports), { code: 'SEALED_CA_OVERUSED', message })
  const [state] = ports.book.states
  assert.match(state?.broken ?? '', message)
  const known = await ports.authority.lookUp(state?.serial ?? '')
  assert.equal(known?.ended?.reason, 'keyCompromise')
}

const device = await SoftwareSigner.generate('ecdsa-p256-sha256')

/** One key for all devices of this file: making them is not what is tested. */
async function csrOf(name: string): Promise<Uint8Array> {
  return createCsr({ subject: [{ type: 'CN', value: name }], signer: name === 'another' ? await fresh() : device })
}

function fresh(): Promise<SoftwareSigner> {
  return SoftwareSigner.generate('ecdsa-p256-sha256')
}
