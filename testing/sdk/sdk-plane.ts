import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { RegistrationTasks, roleDocument } from '@birthmark/cloud/api'
import { Authorizers } from '@birthmark/cloud/authorizers'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { startTestControlPlane } from '../testkit/control-plane.ts'
import { newTestAuthority } from '../testkit/test-authority.ts'
import { CERTIFICATE_ROWS, spareCa } from './certificate-rows.ts'
import { POLICY_ROWS } from './policy-rows.ts'
import { type SdkRow, type SdkWorld, STALE } from './row.ts'
import { SERVICE_ROWS } from './service-rows.ts'
import { OLD_TYPE, THING_ROWS } from './thing-rows.ts'

/** Every row, in an order in which each finds what it needs. */
export const ROWS: readonly SdkRow[] = [...CERTIFICATE_ROWS, ...THING_ROWS, ...POLICY_ROWS, ...SERVICE_ROWS]

/** The answer for what an older client has no operation or member for. */
export const UNKNOWN_TO_CLIENT: Readonly<Record<string, unknown>> = {}

/** Asks for an operation with a client that is tested; rejects with what the client throws. */
export type Ask = (operation: string, input: object, byOther: boolean) => Promise<Readonly<Record<string, unknown>>>

/** A control plane in which every row can be performed once, and two accounts' keys for it. */
export interface SdkPlane {
  readonly url: string
  readonly region: string
  readonly credentials: Credentials
  readonly otherCredentials: Credentials
  readonly world: SdkWorld
}

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** Starts it for one test file. */
export async function startSdkPlane(): Promise<SdkPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-sdk-'))
  const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock: systemClock, log: silentLog })
  const authority = await newTestAuthority('Endpoint CA')
  const ports = { registry, certificateProvider: authority, folder, clock: systemClock, entropy: systemEntropy }
  const tasks = new RegistrationTasks({ ...ports, log: silentLog })
  const answer = { isAuthenticated: true, principalId: 'row', policyDocuments: [] }
  const invoke = async () => ({ outcome: 'answered', answer }) as const
  const authorizers = new Authorizers({ registry, invoke, log: silentLog })
  const { url, scope, credentials } = await startTestControlPlane({
    registry,
    tasks,
    authorizers,
    certificateProvider: authority,
    controlUrl: () => url,
    connectivityOf: () => undefined,
    endpointAddress: () => 'iot.example.test',
  })
  after(async () => {
    await tasks.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const key = {
    id: `AKIA${OTHER}`,
    secret: 'other',
    name: 'other',
    createdAt: systemClock.now(),
    role: 'administrator',
    permissions: roleDocument({ role: 'administrator', templates: [] }),
    session: undefined,
  }
  await registry.in({ ...scope, account: OTHER }).commit([{ do: 'create-access-key', key }])
  await registry.in(scope).commit([
    { do: 'create-thing-type', type: { ...UNNAMED, name: OLD_TYPE } },
    { do: 'register-ca', ca: await spareCa() },
  ])
  // So long that it is under way when it is stopped.
  mkdirSync(join(folder, 'buckets', 'batch'), { recursive: true })
  writeFileSync(join(folder, 'buckets', 'batch', 'in'), '{"Serial":"bulk-1"}\n'.repeat(20_000))
  const world = { otherAccount: OTHER, answers: new Map(), newCsr }
  const otherCredentials = { accessKeyId: key.id, secretAccessKey: key.secret }
  return { url, region: scope.region, credentials, otherCredentials, world }
}

async function newCsr(): Promise<string> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  return toPem('CERTIFICATE REQUEST', await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer }))
}

/** Performs a row: its good call, and each error, of which `judge` says whether it is the one that is due. */
export async function performRow(
  { operation, good, byOther = false, errors }: SdkRow,
  world: SdkWorld,
  ask: Ask,
  judge: (error: unknown, name: string) => void,
): Promise<void> {
  const resolve = async (asked: SdkRow['good']): Promise<object> =>
    typeof asked === 'function' ? await asked(world) : asked
  const refused = async ([name, asked]: SdkRow['errors'][number]): Promise<void> => {
    const { answer, error } = await ask(operation, await resolve(asked), byOther).then(
      (given) => ({ answer: given, error: undefined }),
      (thrown: unknown) => ({ answer: undefined, error: thrown }),
    )
    if (answer === UNKNOWN_TO_CLIENT) return
    assert.notEqual(error, undefined, `${name} is due`)
    judge(error, name)
  }
  // What is gone has no version, so its conflict comes before.
  const isBefore = ([name]: SdkRow['errors'][number]): boolean => name === STALE && operation.startsWith('Delete')
  for (const error of errors.filter(isBefore)) await refused(error)
  world.answers.set(operation, await ask(operation, await resolve(good), byOther))
  for (const error of errors.filter((each) => !isBefore(each))) await refused(error)
}

const OTHER = '444455556666'
const UNNAMED = {
  id: '00000000-0000-4000-8000-000000000001',
  description: undefined,
  searchableAttributes: [],
  propagatingAttributes: [],
  createdAt: instant(0),
  deprecatedAt: instant(0),
}
