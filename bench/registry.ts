import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type CertificateId, type Change, certificateId, type Scope } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { instant, silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'

/*
 * How much of what SQLite itself does on this machine is left behind the registry's port: devices provisioned durably
 * (certificate, thing, policy attachment, principal, status) and certificates looked up, against the same five writes
 * and the same query made straight on node:sqlite, on the same schema, in the same run.
 *
 *     node bench/registry.ts
 */

/** How much is measured. */
export interface RegistryBenchSize {
  readonly devices: number
  /** Devices that arrive in one turn of the event loop and share a flush to disk. */
  readonly together: number
  /** Rounds, port and bare in turn; the median counts. */
  readonly rounds: number
}

/** Operations a second behind the port and bare. */
export interface Comparison {
  readonly port: number
  readonly bare: number
}

/** What a run measured, and how many certificates each side holds at its end. */
export interface RegistryBenchResult {
  readonly provision: Comparison
  readonly lookUp: Comparison
  readonly certificates: Comparison
}

/** Measures both sides in turn, in folders of their own. */
export async function measureRegistry(size: RegistryBenchSize): Promise<RegistryBenchResult> {
  const provision: Comparison[] = []
  const lookUp: Comparison[] = []
  let certificates: Comparison = { port: 0, bare: 0 }
  for (let round = 0; round < size.rounds; round += 1) {
    const port = await portRound(size)
    const bare = await bareRound(size)
    provision.push({ port: port.provision, bare: bare.provision })
    lookUp.push({ port: port.lookUp, bare: bare.lookUp })
    certificates = { port: port.certificates, bare: bare.certificates }
  }
  return { provision: median(provision), lookUp: median(lookUp), certificates }
}

interface Round {
  readonly provision: number
  readonly lookUp: number
  readonly certificates: number
}

async function portRound({ devices, together }: RegistryBenchSize): Promise<Round> {
  const folder = await folderWithPolicy()
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const scoped = registry.in(SCOPE)
  const provision = await perSecond(devices, async () => {
    for (let n = 0; n < devices; n += together) {
      const group = Array.from({ length: Math.min(together, devices - n) }, (_, index) => changesOf(n + index))
      await Promise.all(group.map((changes) => scoped.commit(changes)))
    }
  })
  let certificates = 0
  const lookUp = await perSecond(devices, async () => {
    for (let n = 0; n < devices; n += 1) if ((await scoped.certificate(idOf(n))) !== undefined) certificates += 1
  })
  await registry.close()
  await rm(folder, { recursive: true })
  return { provision, lookUp, certificates }
}

async function bareRound({ devices, together }: RegistryBenchSize): Promise<Round> {
  const folder = await folderWithPolicy()
  const database = new DatabaseSync(join(folder, 'registry.db'))
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536')
  const write = bareWrites(database)
  const provision = await perSecond(devices, () => {
    for (let n = 0; n < devices; n += together) {
      database.exec('BEGIN IMMEDIATE')
      for (let device = n; device < Math.min(n + together, devices); device += 1) write(device)
      database.exec('COMMIT')
    }
  })
  let certificates = 0
  const query = database.prepare('SELECT * FROM certificate WHERE fingerprint = ? AND scope = ?')
  const lookUp = await perSecond(devices, () => {
    for (let n = 0; n < devices; n += 1) if (query.get(Buffer.from(idOf(n), 'hex'), 1) !== undefined) certificates += 1
  })
  database.close()
  await rm(folder, { recursive: true })
  return { provision, lookUp, certificates }
}

/** The five writes of one device and nothing else: no savepoint, no look-up of names, no limits. */
function bareWrites(database: DatabaseSync): (n: number) => void {
  const certificate = database.prepare(
    `INSERT INTO certificate (scope, fingerprint, pem, status, mode, ca, not_before, not_after, created_at, modified_at,
       customer_version, generation_id) VALUES (1, ?, ?, 'PENDING_ACTIVATION', 'DEFAULT', NULL, 0, 0, 0, 0, 1, ?)`,
  )
  const thing = database.prepare(
    `INSERT INTO thing (scope, name, uuid, type_name, attributes, version, created_at)
     VALUES (1, ?, ?, NULL, ?, 1, 0)`,
  )
  const attachment = database.prepare('INSERT INTO policy_attachment (certificate, policy) VALUES (?, 1)')
  const principal = database.prepare('INSERT INTO thing_principal (certificate, thing, exclusive) VALUES (?, ?, 0)')
  const status = database.prepare("UPDATE certificate SET status = 'ACTIVE', modified_at = 0 WHERE id = ?")
  return (n) => {
    const certificateRow = certificate.run(Buffer.from(idOf(n), 'hex'), PEM, UUID).lastInsertRowid
    const thingRow = thing.run(`meter-${n}`, UUID, JSON.stringify({ sn: String(n) })).lastInsertRowid
    attachment.run(certificateRow)
    principal.run(certificateRow, thingRow)
    status.run(certificateRow)
  }
}

async function folderWithPolicy(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const policy = {
    name: 'meter-policy',
    document: '{}',
    defaultVersionId: '1',
    createdAt: NOW,
    modifiedAt: NOW,
    generationId: UUID,
  }
  await registry.in(SCOPE).commit([{ do: 'create-policy', policy }])
  await registry.close()
  return folder
}

function changesOf(n: number): readonly Change[] {
  const id = idOf(n)
  const name = `meter-${n}`
  const certificate = {
    id,
    pem: PEM,
    status: 'PENDING_ACTIVATION',
    mode: 'DEFAULT',
    caId: undefined,
    notBefore: NOW,
    notAfter: NOW,
    createdAt: NOW,
    modifiedAt: NOW,
    customerVersion: 1,
    generationId: UUID,
  } as const
  const thing = { name, id: UUID, typeName: undefined, attributes: { sn: String(n) }, version: 1, createdAt: NOW }
  return [
    { do: 'register-certificate', certificate },
    { do: 'create-thing', thing },
    { do: 'attach-policy', policyName: 'meter-policy', certificateId: id },
    { do: 'attach-thing-principal', thingName: name, certificateId: id, exclusive: false },
    { do: 'set-certificate-status', id, from: ['PENDING_ACTIVATION'], to: 'ACTIVE', at: NOW },
  ]
}

/** Ids are spread like the hashes they are. */
function idOf(n: number): CertificateId {
  const id = certificateId(createHash('sha256').update(String(n)).digest('hex'))
  if (id === undefined) throw new TypeError('a SHA-256 is an id')
  return id
}

async function perSecond(count: number, work: () => Promise<void> | void): Promise<number> {
  const start = process.hrtime.bigint()
  await work()
  return (count * 1e9) / Number(process.hrtime.bigint() - start)
}

function median(rounds: readonly Comparison[]): Comparison {
  const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
  return { port: middle(rounds.map(({ port }) => port)), bare: middle(rounds.map(({ bare }) => bare)) }
}

const SCOPE: Scope = { account: '111122223333', region: 'eu-central-1' }
const NOW = instant(1_767_225_600_000)
const UUID = '00000000-0000-4000-8000-000000000001'
/** As long as the PEM of a P-256 certificate with a few extensions. */
const PEM = `-----BEGIN CERTIFICATE-----\n${`${'A'.repeat(64)}\n`.repeat(11)}-----END CERTIFICATE-----\n`

if (import.meta.main) {
  for (const [together, devices] of [
    [1, 5_000],
    [64, 30_000],
  ] as const) {
    const { provision, lookUp } = await measureRegistry({ devices, together, rounds: 3 })
    const line = (what: string, { port, bare }: Comparison): string =>
      `${what}  ${Math.round(port)}/s  bare node:sqlite ${Math.round(bare)}/s  ratio ${(port / bare).toFixed(2)}`
    console.log(line(`provision durably, ${together} at a time`, provision))
    console.log(line(`look up among ${devices} certificates`, lookUp))
  }
  console.log(`node ${process.version}, SQLite ${process.versions['sqlite']}`)
}
