import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseCertificate } from '@birthmark/foundation/x509'
import type { IssuingMessage } from '../../../testing/testkit/issue-until-killed.ts'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { pathOf } from './folder.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'

const KILLS = 10
const CHILD = fileURLToPath(new URL('../../../testing/testkit/issue-until-killed.ts', import.meta.url))

/** What a client outside knows: what it asked for, and what it was given. */
interface Known {
  readonly asked: Map<string, Uint8Array>
  readonly given: Map<string, string>
}

test('after a process was killed at any moment, every serial number that may exist is known', async (t) => {
  const options = await newAuthority(t)
  const known: Known = { asked: new Map(), given: new Map() }
  let cut = 0
  for (let run = 0; run < KILLS; run += 1) {
    await killWhileIssuing(options, run, known)
    const authority = await openAuthority(options)
    const unresolved = authority.unresolved
    cut += unresolved.length
    for (const [name, csr] of known.asked) {
      const repeated = await authority.issue({ kind: 'device', csr, idempotencyKey: name })
      const { fingerprint } = parseCertificate(repeated.certificate)
      // What a client was given it is given again; what it was not given yet it is given now.
      assert.equal(fingerprint, known.given.get(name) ?? fingerprint)
      known.given.set(name, fingerprint)
    }
    assert.deepEqual(authority.unresolved, [])
    for (const { serial } of unresolved) assert.ok(authority.voided.includes(serial))
    await authority.close()
    await assertOneLiveCertificatePerKey(options, known)
  }
  t.diagnostic(`${cut} issuances were cut between intent and result`)
})

/** Starts a process that issues as fast as it can and kills it after so many answers, in the middle of others. */
async function killWhileIssuing(options: AuthorityOptions, run: number, known: Known): Promise<void> {
  const child = fork(CHILD, [options.folder, options.passphrase ?? '', String(run)])
  let answers = 0
  child.on('message', (message: IssuingMessage) => {
    if (message.kind === 'asking') known.asked.set(message.name, Buffer.from(message.csr, 'base64'))
    else {
      known.given.set(message.name, message.fingerprint)
      answers += 1
      if (answers === 1 + 5 * run) child.kill('SIGKILL')
    }
  })
  const [, signal] = await once(child, 'close')
  assert.equal(signal, 'SIGKILL')
}

/** Reads the journal as a stranger would: every result has its intent, and no key has two that were not made void. */
async function assertOneLiveCertificatePerKey(options: AuthorityOptions, known: Known): Promise<void> {
  const lines = (await readFile(pathOf(options.folder, 'journal'), 'utf8')).trimEnd().split('\n')
  const records = lines.map((line) => JSON.parse(line).record)
  const intents = new Map(records.filter(({ kind }) => kind === 'intent').map(({ intent }) => [intent.serial, intent]))
  const live = new Map<string, string>()
  for (const { kind, serial, certificate } of records) {
    if (kind !== 'result') continue
    const intent = intents.get(serial)
    const { serialNumber, fingerprint } = parseCertificate(Buffer.from(certificate, 'base64'))
    assert.equal(serialNumber, serial)
    assert.ok(!live.has(intent.publicKeyHash), 'two live certificates for one key')
    live.set(intent.publicKeyHash, fingerprint)
  }
  const journalled = new Set(live.values())
  for (const fingerprint of known.given.values()) assert.ok(journalled.has(fingerprint))
  assert.equal(intents.size, new Set(intents.keys()).size)
}
