import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type ChainFile, openChainFile } from '@birthmark/factory/ledger'
import { Fault } from '@birthmark/foundation/kernel'
import { createCsr, parseCertificate, type Signer, SoftwareSigner } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import { Authority } from './authority.ts'
import { pathOf, readAuthorityCertificate, readAuthorityKey } from './folder.ts'
import { Journal } from './journal.ts'
import { type AuthorityOptions, openAuthority } from './open.ts'

const device = await SoftwareSigner.generate('ecdsa-p256-sha256')
const csr = await createCsr({ subject: [{ type: 'CN', value: 'press-7' }], signer: device })
const REQUEST = { kind: 'device', csr, idempotencyKey: 'press-7' } as const

/** The calls that one issuance makes to its ports, in order. */
const CALLS = ['entropy', 'append', 'flush', 'sign', 'append', 'flush'] as const

test('one issuance writes its intent, waits for the disk, signs, writes the result, and waits again', async (t) => {
  const ports = await watchedAuthority(t, undefined)
  await ports.authority.issue(REQUEST)
  assert.deepEqual(ports.calls, CALLS)
})

for (const [index, call] of CALLS.entries()) {
  test(`failure of port call ${index + 1}, ${call}, reaches the caller; no signature without intent`, async (t) => {
    const { authority, calls, options } = await watchedAuthority(t, index)
    await assert.rejects(authority.issue(REQUEST), { message: 'planned failure' })
    assert.deepEqual(calls, CALLS.slice(0, index + 1))
    await authority.close()

    const again = await openAuthority(options)
    t.after(() => again.close())
    if (calls.includes('sign')) assert.ok(again.unresolved.length + again.issuedCount === 1)
    const { certificate } = await again.issue(REQUEST)
    const repeated = await again.issue(REQUEST)
    assert.deepEqual(repeated.certificate, certificate)
    assert.equal(again.issuedCount, 1)
    assert.equal(again.unresolved.length, 0)
    const { serialNumber } = parseCertificate(certificate)
    assert.ok(!again.voided.includes(serialNumber))
  })
}

test('after a failed write nothing is signed any more until the authority is opened again', async (t) => {
  const { authority, calls } = await watchedAuthority(t, 1)
  await assert.rejects(authority.issue(REQUEST), { message: 'planned failure' })
  await assert.rejects(authority.issue({ ...REQUEST, idempotencyKey: 'press-8' }), { code: 'LEDGER_FAILED' })
  assert.ok(!calls.includes('sign'))
})

test('a disk that fills up in the middle of a batch leaves nothing signed that is not on record', async (t) => {
  const options = await newAuthority(t)
  const signed: Uint8Array[] = []
  const full = { bytesLeft: 20_000 }
  const authority = await assemble(options, {
    openFile: (path) => fillingDisk(path, full),
    sign: (message, signer) => {
      signed.push(message)
      return signer.sign(message)
    },
  })
  const asked = await Promise.allSettled(
    Array.from({ length: 40 }, (_, index) => authority.issue({ ...REQUEST, idempotencyKey: `press-${index}` })),
  )
  await authority.close()
  const given = asked
    .filter((answer) => answer.status === 'fulfilled')
    .map(({ value }) => parseCertificate(value.certificate))
  assert.ok(asked.some((answer) => answer.status === 'rejected' && answer.reason.code === 'DISK_FULL'))

  const again = await openAuthority(options)
  t.after(() => again.close())
  assert.ok(signed.length <= again.issuedCount + again.unresolved.length)
  assert.ok(given.length <= again.issuedCount)
  for (const { serialNumber } of given) assert.ok(!again.unresolved.some(({ serial }) => serial === serialNumber))
})

interface Watched {
  readonly authority: Authority
  readonly calls: string[]
  readonly options: AuthorityOptions
}

/** An authority whose port calls are noted, and the one with this index fails. */
async function watchedAuthority(t: TestContext, failing: number | undefined): Promise<Watched> {
  const options = await newAuthority(t)
  const calls: string[] = []
  const armed = { yes: false }
  const note = (call: string): void => {
    if (!armed.yes) return
    calls.push(call)
    if (calls.length - 1 === failing) throw new Error('planned failure')
  }
  const authority = await assemble(options, {
    openFile: async (path) => {
      const file = await openChainFile(path)
      return {
        ...file,
        append: async (bytes) => {
          note('append')
          await file.append(bytes)
        },
        flush: async () => {
          note('flush')
          await file.flush()
        },
      }
    },
    sign: (message, signer) => {
      note('sign')
      return signer.sign(message)
    },
    entropy: (count) => {
      note('entropy')
      return options.entropy.bytes(count)
    },
  })
  armed.yes = true
  t.after(() => authority.close())
  return { authority, calls, options }
}

interface Changes {
  readonly openFile: (path: string) => Promise<ChainFile>
  readonly sign: (message: Uint8Array, signer: Signer) => Promise<Uint8Array>
  readonly entropy?: (count: number) => Uint8Array
}

/** Does what `openAuthority` does, with ports of the test's own. */
async function assemble(options: AuthorityOptions, changes: Changes): Promise<Authority> {
  const { folder, passphrase = '', clock, log } = options
  const signer = readAuthorityKey(folder, 'issuingKey', passphrase)
  const journal = await Journal.open({ path: pathOf(folder, 'journal'), clock, log, openFile: changes.openFile })
  return new Authority({
    root: readAuthorityCertificate(folder, 'rootCertificate'),
    issuing: readAuthorityCertificate(folder, 'issuingCertificate'),
    signer: {
      algorithm: signer.algorithm,
      publicKey: signer.publicKey,
      sign: async (message) => changes.sign(message, signer),
    },
    journal,
    endpointNames: new Set(),
    clock,
    entropy: { bytes: changes.entropy ?? ((count) => options.entropy.bytes(count)) },
    log,
  })
}

/** A disk that takes so many bytes more, the last of them in a write that is cut short. */
async function fillingDisk(path: string, full: { bytesLeft: number }): Promise<ChainFile> {
  const file = await openChainFile(path)
  return {
    ...file,
    append: async (bytes) => {
      const fits = Math.min(bytes.length, full.bytesLeft)
      full.bytesLeft -= fits
      await file.append(bytes.subarray(0, fits))
      if (fits < bytes.length) {
        throw new Fault('DISK_FULL', { blame: 'operator', message: 'no space is left', remedy: 'Free some space.' })
      }
    },
  }
}
