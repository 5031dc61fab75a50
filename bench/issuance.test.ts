import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCsr, SoftwareSigner } from '@birthmark/foundation/x509'
import { measureIssuance } from './issuance.ts'
import { cfsslRate, opensslRate } from './issuance-peers.ts'

test('the issuance benchmark issues for every device, and measures both sides', async () => {
  const { issued, bare, onRecord } = await measureIssuance({ devices: 40, together: 8, rounds: 1 })
  assert.equal(onRecord, 40)
  for (const { perSecond, perCpuSecond } of [issued, bare]) assert.ok(perSecond > 0 && perCpuSecond > 0)
})

test('the peers sign the same requests, and one that is not installed is named', async () => {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const requests = [await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })]
  for (const rate of [await opensslRate(requests), await cfsslRate(requests, 1)]) {
    if (typeof rate === 'string') assert.match(rate, /not installed|absent/)
    else assert.ok(rate.perSecond > 0)
  }
})
