import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Authority, type AuthorityOptions, openAuthority } from '@birthmark/factory/authority'
import { days } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import type { AuthorityMessage, AuthorityStart } from '../testkit/authority-until-killed.ts'
import { newAuthority } from '../testkit/new-authority.ts'
import { seededRandom } from '../testkit/random.ts'

/** Authorities that die with one process, each somewhere else in its work. */
const AUTHORITIES = 4
/**
 * How often that is, on a machine that is not too slow, so that 200 authorities die; after this time it is enough.
 * Whoever names a number gets all of them: `KILLS=200 node --test testing/job/authority-kill.test.ts`.
 */
const ASKED = process.env['KILLS']
const KILLS = Number(ASKED ?? 50)
const PATIENCE_MS = ASKED === undefined ? 40_000 : Number.POSITIVE_INFINITY
/** Most messages after which it is killed, and most milliseconds after the last of them. */
const MESSAGES_MAX = 200
const AFTER_MS_MAX = 5
/** Processes that wait for their turn. */
const SPARES = 3
const CHILD = fileURLToPath(new URL('../testkit/authority-until-killed.ts', import.meta.url))

const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })

/** What a client outside knows: what it asked for, what it was given, and what it was told is revoked. */
interface Known {
  readonly asked: Set<string>
  readonly given: Map<string, string>
  readonly revoked: Set<string>
}

test('authorities that are killed time and again while they work account for every certificate', async (t) => {
  const seed = Number(process.env['KILL_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
  t.diagnostic(`KILL_SEED=${seed}`)
  const random = seededRandom(seed)
  const places: Place[] = []
  for (let at = 0; at < AUTHORITIES; at += 1) {
    const known: Known = { asked: new Set(), given: new Map(), revoked: new Set() }
    places.push({ options: await newAuthority(t), known })
  }
  const ends = performance.now() + PATIENCE_MS
  let kills = 0
  // The next processes are made while this one works: what takes long is their start.
  const spares = Array.from({ length: SPARES }, () => spare(t))
  while (kills < KILLS && performance.now() < ends) {
    const child = await spares.shift()
    assert.ok(child)
    spares.push(spare(t))
    const moment = { messages: 1 + Math.floor(random() * MESSAGES_MAX), ms: random() * AFTER_MS_MAX }
    await killWhileWorking(child, places, `run-${kills}`, moment)
    kills += 1
    if (kills % 10 === 0) for (const { options, known } of places) await settle(options, known)
  }
  for (const child of await Promise.all(spares)) child.kill('SIGKILL')
  const [given, revoked] = [sum(places, 'given'), sum(places, 'revoked')]
  t.diagnostic(`${kills * AUTHORITIES} authorities killed, ${given} certificates given, ${revoked} revoked`)
  assert.ok(given > 0 && revoked > 0)
  assert.ok(ASKED === undefined || kills === KILLS)
  for (const { options, known } of places) {
    await settle(options, known)
    await assertJournalHolds(options, known)
  }
})

interface Place {
  readonly options: AuthorityOptions
  readonly known: Known
}

function sum(places: readonly Place[], what: 'given' | 'revoked'): number {
  return places.reduce((total, { known }) => total + known[what].size, 0)
}

async function spare(t: TestContext): Promise<ChildProcess> {
  const child = fork(CHILD)
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return child
}

/** Lets a process work, and kills it so many milliseconds after so many messages, in the middle of others. */
async function killWhileWorking(
  child: ChildProcess,
  places: readonly Place[],
  run: string,
  moment: { readonly messages: number; readonly ms: number },
): Promise<void> {
  const reached = Promise.withResolvers<void>()
  let messages = 0
  child.on('message', (message: AuthorityMessage) => {
    messages += 1
    if (messages === moment.messages) reached.resolve()
    const known = message.kind === 'ready' ? undefined : places[message.at]?.known
    if (message.kind === 'asking') known?.asked.add(message.name)
    if (message.kind === 'given') known?.given.set(message.name, message.serial)
    if (message.kind === 'revoked') known?.revoked.add(message.serial)
  })
  const folders = places.map(({ options }) => options.folder)
  const { passphrase = '' } = places[0]?.options ?? {}
  const closed = once(child, 'close')
  const start: AuthorityStart = { folders, passphrase, csr: Buffer.from(csr).toString('base64'), run }
  child.send(start)
  await Promise.race([reached.promise, closed])
  await pause(moment.ms)
  child.kill('SIGKILL')
  const [, signal] = await closed
  assert.equal(signal, 'SIGKILL', 'the authority ended by itself')
}

/** Starts the authority again and finishes what was begun: whoever asked gets what was given, or something now. */
async function settle(options: AuthorityOptions, known: Known): Promise<void> {
  const authority = await openAuthority(options)
  const unresolved = authority.unresolved.map(({ serial }) => serial)
  for (const name of known.asked) {
    const given = known.given.get(name)
    if (given !== undefined && known.revoked.has(given)) continue
    const serial = await repeat(authority, name)
    if (serial === undefined) continue
    assert.equal(serial, given ?? serial, name)
    known.given.set(name, serial)
    known.asked.delete(name)
  }
  assert.deepEqual(authority.unresolved, [])
  for (const serial of unresolved) assert.equal((await authority.lookUp(serial))?.state, 'voided')
  await authority.close()
}

/** Asks again; `undefined` when the certificate was revoked, and the process died before it could say so. */
async function repeat(authority: Authority, name: string): Promise<string | undefined> {
  try {
    const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey: name })
    return parseCertificate(certificate).serialNumber
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'CERTIFICATE_REVOKED', String(error))
    return undefined
  }
}

/** Reads the journal as a stranger would, and anew by an authority that has lost its index. */
async function assertJournalHolds(options: AuthorityOptions, known: Known): Promise<void> {
  const path = join(options.folder, 'journal.jsonl')
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
  const records = lines.map((line) => JSON.parse(line).record)
  const intents = records.filter(({ kind }) => kind === 'intent').map(({ intent }) => intent)
  const results = records.filter(({ kind }) => kind === 'result')
  assert.equal(new Set(intents.map(({ serial }) => serial)).size, intents.length, 'a serial number twice')
  const voided = new Set(intents.map(({ voids }) => voids).filter((serial) => serial !== undefined))
  const made = new Map(results.map(({ serial, certificate }) => [serial, certificate]))
  assert.equal(made.size, results.length, 'two certificates with one serial number')
  for (const { serial } of intents) assert.ok(made.has(serial) !== voided.has(serial), `${serial} is unaccounted for`)
  const live = new Map<string, string>()
  for (const { serial, idempotencyKey } of intents.filter((intent) => made.has(intent.serial))) {
    assert.ok(!live.has(idempotencyKey), 'two certificates for one request')
    live.set(idempotencyKey, serial)
  }
  for (const [name, serial] of known.given) assert.equal(live.get(`request/${name}`), serial)

  const before = await seen(options, known)
  await rm(`${path}.index`)
  assert.deepEqual(await seen(options, known), before)
}

async function seen(options: AuthorityOptions, known: Known): Promise<object> {
  const authority = await openAuthority(options)
  const { issuedCount, revoked, revokedCount, voided } = authority
  const listed = new Set(revoked.map(({ serial }) => serial))
  for (const serial of [...known.revoked, ...voided]) assert.ok(listed.has(serial), `${serial} is not on the list`)
  assert.equal(revokedCount, revoked.length)
  assert.ok((await authority.revocationList(days(1))).length > 0)
  await authority.close()
  return { issuedCount, revoked, voided }
}
