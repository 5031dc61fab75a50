import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { IoT } from '@aws-sdk/client-iot'
import { type ControlPlaneOptions, createControlPlane, roleDocument } from '@birthmark/cloud/api'
import type { Attempt } from '@birthmark/cloud/front'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import type { LogFields } from '@birthmark/foundation/kernel'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { newTestAuthority, type TestAuthority } from './test-authority.ts'

/** A control plane that listens on loopback, with a real registry below it. */
export interface TestControlPlane {
  /** `http://127.0.0.1:port`. */
  readonly url: string
  readonly scope: Scope
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** The unmodified AWS SDK, pointed at {@link url}. */
  readonly client: IoT
  readonly registry: Registry
  readonly authority: TestAuthority
  /** What `GET /v1/attempts` lists; tests put theirs in. */
  readonly attempts: Attempt[]
  /** The fields of every `api.request` line so far. */
  readonly log: LogFields[]
}

/** Starts a control plane for one test file and stops it at the file's end. */
export async function startTestControlPlane(change: Partial<ControlPlaneOptions> = {}): Promise<TestControlPlane> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-api-'))
  const registry = change.registry ?? (await openSqliteRegistry({ folder, clock: systemClock, log: silentLog }))
  await registry.in(SCOPE).commit([{ do: 'create-access-key', key: KEY }])
  const authority = await newTestAuthority('Endpoint CA')
  const attempts: Attempt[] = []
  const log: LogFields[] = []
  const controlPlane = createControlPlane({
    registry,
    attempts: { list: ({ limit }) => attempts.slice(0, limit) },
    certificateProvider: authority,
    endpointAddress: ({ region }) => (region === SCOPE.region ? 'iot.example.test' : undefined),
    clock: systemClock,
    entropy: systemEntropy,
    log: { write: (level, _event, fields) => log.push({ level, ...fields }) },
    ...change,
  })
  const server = createServer((request, response) => controlPlane.handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const credentials = { accessKeyId: KEY.id, secretAccessKey: KEY.secret }
  const client = new IoT({ endpoint: url, region: SCOPE.region, credentials, maxAttempts: 1 })
  after(async () => {
    client.destroy()
    server.closeAllConnections()
    server.close()
    await registry.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { url, scope: SCOPE, credentials, client, registry, authority, attempts, log }
}

const SCOPE: Scope = { account: '123456789012', region: 'eu-central-1' }
const KEY = {
  id: 'AKIAIOSFODNN7EXAMPLE',
  secret: 'wJalrXUtnFEMI/K7MDENG',
  name: 'test',
  createdAt: systemClock.now(),
  role: 'administrator',
  permissions: roleDocument({ role: 'administrator', templates: [] }),
  session: undefined,
}
