import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createAuthority, openAuthority } from '@birthmark/factory/authority'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'
import { NO_SMALL_DISK, smallDisk } from '../testkit/small-disk.ts'

/** An authority on a disk that is really full: a small one of memory, which only root may mount. */

const skip = NO_SMALL_DISK

test('an authority whose disk fills up stops, and whatever it gave out is on record', { skip }, async (t) => {
  const disk = smallDisk(t)
  const ports = { clock: systemClock, entropy: systemEntropy, log: silentLog }
  const options = { folder: join(disk, 'ca'), passphrase: 'a passphrase for tests', ...ports }
  const name = (text: string) => [{ type: 'CN', value: text }]
  await createAuthority({ ...options, rootName: name('Root'), issuingName: name('Issuing') })
  writeFileSync(join(disk, 'filler'), Buffer.alloc(300_000))
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const csr = await createCsr({ subject: name('meter'), signer })
  const given = new Map<string, string>()
  const refused = new Set<string>()

  const authority = await openAuthority(options)
  const issueUntilRefused = async (): Promise<void> => {
    for (let n = 0; refused.size === 0; n += 1) {
      const key = `meter-${given.size}-${n}`
      try {
        const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey: key })
        given.set(key, parseCertificate(certificate).serialNumber)
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error)
        refused.add(String(error.code))
      }
    }
  }
  await Promise.all(Array.from({ length: 8 }, issueUntilRefused))
  assert.ok(given.size > 0)
  assert.ok(
    [...refused].every((code) => code === 'DISK_FULL' || code === 'LEDGER_FAILED'),
    [...refused].join(),
  )
  await assert.rejects(authority.issue({ kind: 'device', csr }), { code: 'LEDGER_FAILED' })
  await authority.close()
  t.diagnostic(`${given.size} certificates before the disk was full`)

  rmSync(join(disk, 'filler'))
  const again = await openAuthority(options)
  t.after(() => again.close())
  assert.ok(again.issuedCount >= given.size)
  for (const [idempotencyKey, serial] of given) {
    assert.equal((await again.lookUp(serial))?.state, 'issued')
    const { certificate } = await again.issue({ kind: 'device', csr, idempotencyKey })
    assert.equal(parseCertificate(certificate).serialNumber, serial)
  }
  await again.issue({ kind: 'device', csr, idempotencyKey: 'after' })
})
