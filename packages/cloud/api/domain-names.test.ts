import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { IoT } from '@aws-sdk/client-iot'
import { systemClock } from '@birthmark/foundation/system'
import { startTestControlPlane } from '../../../testing/testkit/control-plane.ts'
import { refuses } from '../../../testing/testkit/refuses.ts'
import { roleDocument } from './index.ts'

/** A domain name leads to one account and region of the server: SNI has nothing else to choose by. */

const { client, registry, scope, url } = await startTestControlPlane({ endpointAddress: () => 'iot.example.test' })
const SCOPES = [
  { account: '444455556666', region: scope.region },
  { account: scope.account, region: 'us-east-1' },
]

test('a domain name that another account or region has is refused, and free again when it is deleted', async () => {
  await client.createDomainConfiguration({ domainConfigurationName: 'mine', domainName: 'one.test' })
  const clients = await Promise.all(SCOPES.map(clientIn))
  for (const other of clients) {
    const again = other.createDomainConfiguration({ domainConfigurationName: 'theirs', domainName: 'ONE.test' })
    await refuses(again, 'ResourceAlreadyExistsException', 409, /one\.test belongs to another account or region$/)
    await other.createDomainConfiguration({
      domainConfigurationName: 'mine',
      domainName: `${await regionOf(other)}.test`,
    })
  }
  const own = client.createDomainConfiguration({ domainConfigurationName: 'again', domainName: 'one.test' })
  await refuses(own, 'ResourceAlreadyExistsException', 409, /belongs to the domain configuration mine$/)
  await client.updateDomainConfiguration({ domainConfigurationName: 'mine', domainConfigurationStatus: 'DISABLED' })
  const [first] = clients
  const still = first?.createDomainConfiguration({ domainConfigurationName: 'theirs', domainName: 'one.test' })
  await refuses(
    still ?? Promise.reject(new Error('no client')),
    'ResourceAlreadyExistsException',
    409,
    /another account/,
  )
  await client.deleteDomainConfiguration({ domainConfigurationName: 'mine' })
  await first?.createDomainConfiguration({ domainConfigurationName: 'theirs', domainName: 'one.test' })
})

test('of those who want one domain name at the same time, one has it', async () => {
  const clients = [client, ...(await Promise.all(SCOPES.map(clientIn)))]
  for (let round = 0; round < 5; round += 1) {
    const domainName = `race-${round}.test`
    const wanted = clients.flatMap((each) =>
      ['a', 'b'].map((name) =>
        each.createDomainConfiguration({ domainConfigurationName: `${name}-${round}`, domainName }),
      ),
    )
    const results = await Promise.allSettled(wanted)
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(result.reason.name, 'ResourceAlreadyExistsException')
    }
  }
})

let keys = 0

async function clientIn(of: (typeof SCOPES)[number]): Promise<IoT> {
  const id = `AKIA${String((keys += 1)).padStart(16, '0')}`
  const key = {
    id,
    secret: 'secret',
    name: 'other',
    createdAt: systemClock.now(),
    role: 'administrator',
    permissions: roleDocument({ role: 'administrator', templates: [] }),
    session: undefined,
  }
  assert.deepEqual(await registry.in(of).commit([{ do: 'create-access-key', key }]), { ok: true })
  const credentials = { accessKeyId: id, secretAccessKey: key.secret }
  const made = new IoT({ endpoint: url, region: of.region, credentials, maxAttempts: 1 })
  after(() => made.destroy())
  return made
}

async function regionOf(of: IoT): Promise<string> {
  return of.config.region()
}
