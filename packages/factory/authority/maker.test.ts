import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { deviceSubject, parseWorkOrder, signWorkOrder } from '@birthmark/factory/order'
import { type Clock, type Instant, instant } from '@birthmark/foundation/kernel'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newAuthority } from '../../../testing/testkit/new-authority.ts'
import type { Authority } from './authority.ts'
import { openAuthority } from './open.ts'

const maker = await SoftwareSigner.generate('ecdsa-p256-sha256')
const device = await SoftwareSigner.generate('ecdsa-p256-sha256')
const START = instant(Date.UTC(2026, 5, 1))
const TEXT = JSON.stringify({
  format: 'birthmark-work-order/1',
  id: 'PO-1',
  product: 'press',
  count: 2,
  until: '2026-06-30T00:00:00.000Z',
  stations: ['line-1'],
})
const SIGNED = await signWorkOrder(TEXT, maker)

test('with a pinned maker only what the maker signed is admitted, at the stations it names', async (t) => {
  const { authority } = await pinned(t)
  await assert.rejects(authority.admit(parseWorkOrder(TEXT)), { code: 'ORDER_UNSIGNED' })
  await assert.rejects(authority.admitSigned(TEXT, 'line-1'), { code: 'ORDER_UNSIGNED' })
  await assert.rejects(authority.admitSigned(SIGNED.replace(':2,', ':3,'), 'line-1'), {
    code: 'ORDER_SIGNATURE_INVALID',
  })
  await assert.rejects(authority.admitSigned(SIGNED, 'line-2'), { code: 'ORDER_FOR_OTHER_STATION' })
  await assert.rejects(issue(authority, 'a1'), { code: 'ORDER_UNKNOWN' })
  assert.deepEqual(await authority.admitSigned(SIGNED, 'line-1'), parseWorkOrder(TEXT))
  await issue(authority, 'a1')
})

test('an order that is used up stays so, also when its file comes again and after opening again', async (t) => {
  const { authority, reopen } = await pinned(t)
  await authority.admitSigned(SIGNED, 'line-1')
  await issue(authority, 'a1')
  await issue(authority, 'a2')
  await authority.admitSigned(SIGNED, 'line-1')
  await assert.rejects(issue(authority, 'a3'), { code: 'ORDER_USED_UP' })
  const again = await reopen()
  await again.admitSigned(SIGNED, 'line-1')
  await assert.rejects(issue(again, 'a3'), { code: 'ORDER_USED_UP' })
})

test('an order that was admitted in time makes nothing new after its end; what was made is still given', async (t) => {
  const { authority, clock } = await pinned(t)
  await authority.admitSigned(SIGNED, 'line-1')
  const first = await issue(authority, 'a1')
  clock.time = instant(Date.UTC(2026, 6, 1))
  await assert.rejects(authority.admitSigned(SIGNED, 'line-1'), { code: 'ORDER_EXPIRED' })
  await assert.rejects(issue(authority, 'a2'), { code: 'ORDER_EXPIRED' })
  assert.deepEqual(await issue(authority, 'a1'), first)
})

async function pinned(t: TestContext): Promise<{
  readonly authority: Authority
  readonly clock: Clock & { time: Instant }
  readonly reopen: () => Promise<Authority>
}> {
  const clock = { time: START, now: (): Instant => clock.time }
  const options = await newAuthority(t, { makerKey: toPem('PUBLIC KEY', maker.publicKey), clock })
  const authority = await openAuthority(options)
  t.after(() => authority.close())
  const reopen = async (): Promise<Authority> => {
    await authority.close()
    const again = await openAuthority(options)
    t.after(() => again.close())
    return again
  }
  return { authority, clock, reopen }
}

async function issue(authority: Authority, name: string): Promise<Uint8Array> {
  const uid = name.padStart(16, '0')
  const { subject, product } = parseWorkOrder(TEXT)
  const csr = await createCsr({ subject: deviceSubject(subject, product, uid), signer: device })
  return (await authority.station('PO-1').issue({ uid, csr })).certificate
}
