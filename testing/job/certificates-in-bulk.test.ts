/** Certificates registered many at a time, as `birthmark manifest import --bulk` does it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callOwnApi } from 'birthmark/parts'
import { startTestControlPlane } from '../testkit/control-plane.ts'

const plane = await startTestControlPlane()
const access = { endpoint: plane.url, region: plane.scope.region, ...plane.credentials }

function register(certificates: readonly string[], status?: string): Promise<unknown> {
  return callOwnApi(access, 'POST', '/v1/certificates', { certificates, ...(status === undefined ? {} : { status }) })
}

test('certificates stand or fall alone, in the order in which they were given', async () => {
  const devices = await Promise.all(['a', 'b'].map((commonName) => plane.authority.issueDevice({ commonName })))
  const [first, second] = devices.map((device) => device.toPem())
  assert.ok(first !== undefined && second !== undefined)
  const ids = devices.map(({ fingerprint }) => fingerprint)
  assert.deepEqual(await register([first], 'ACTIVE'), {
    results: [{ certificateId: ids[0], outcome: 'registered' }],
  })
  assert.deepEqual(await register(['no certificate', second, first, second]), {
    results: [
      { outcome: 'refused', why: 'The certificate cannot be read: the text holds none.' },
      { certificateId: ids[1], outcome: 'registered' },
      { certificateId: ids[0], outcome: 'already' },
      { certificateId: ids[1], outcome: 'already' },
    ],
  })
  const statuses = await Promise.all(
    ids.map(
      async (certificateId) => (await plane.client.describeCertificate({ certificateId })).certificateDescription,
    ),
  )
  assert.deepEqual(
    statuses.map((found) => [found?.status, found?.certificateMode]),
    [
      ['ACTIVE', 'SNI_ONLY'],
      ['INACTIVE', 'SNI_ONLY'],
    ],
  )
})

test('a hundred and one are too many, and a status that only the service gives is refused', async () => {
  await assert.rejects(register(Array.from({ length: 101 }, () => 'x')), /at most 100/)
  await assert.rejects(register([], 'PENDING_ACTIVATION'), /must be one of ACTIVE, INACTIVE/)
})
