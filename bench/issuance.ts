import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, createAuthority, openAuthority } from '@birthmark/factory/authority'
import { deviceSubject, type WorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, SoftwareSigner } from '@birthmark/foundation/x509'
import { cfsslRate, type IssuanceRate, opensslRate } from './issuance-peers.ts'

/*
 * What it costs to issue a certificate: CSR verified, quota taken, intent on disk, signed and the signature checked,
 * result on disk. Against the arithmetic alone (one P-256 signature and two verifications for each, through
 * node:crypto), against a loop of `openssl x509 -req`, and against cfssl (Debian's golang-cfssl) that serves on
 * loopback, all in the same run. A rate per CPU second counts the time of the process that issues, on whichever cores.
 *
 *     node bench/issuance.ts
 */

/** How much is measured. */
export interface IssuanceBenchSize {
  readonly devices: number
  /** Requests under way at a time, which share the flushes to disk. */
  readonly together: number
  /** Rounds, authority and bare in turn; the median counts. */
  readonly rounds: number
}

/** What was measured, and how many certificates the authority has on record at its end. */
export interface IssuanceBenchResult {
  readonly issued: IssuanceRate
  readonly bare: IssuanceRate
  readonly onRecord: number
}

/** Measures both sides in turn, the authority in a folder of its own. */
export async function measureIssuance({ devices, together, rounds }: IssuanceBenchSize): Promise<IssuanceBenchResult> {
  const requests: Request[] = []
  for (let n = 0; n < devices; n += 1) requests.push(await requestOf(n))
  const issued: IssuanceRate[] = []
  const bare: IssuanceRate[] = []
  let onRecord = 0
  for (let round = 0; round < rounds; round += 1) {
    const measured = await issueAll(requests, together)
    issued.push(measured.rate)
    bare.push(await bareArithmetic(devices))
    onRecord = measured.onRecord
  }
  return { issued: median(issued), bare: median(bare), onRecord }
}

interface Request {
  readonly uid: string
  readonly csr: Uint8Array
}

async function requestOf(n: number): Promise<Request> {
  const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const uid = n.toString(16).padStart(16, '0')
  return { uid, csr: await createCsr({ subject: deviceSubject(ORDER.subject, ORDER.product, uid), signer }) }
}

async function issueAll(
  requests: readonly Request[],
  together: number,
): Promise<{ readonly rate: IssuanceRate; readonly onRecord: number }> {
  const parent = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const authority = await openedAuthority(join(parent, 'authority'))
  await authority.admit(ORDER)
  const station = authority.station(ORDER.id)
  const queue = requests.values()
  const worker = async (): Promise<void> => {
    for (const request of queue) await station.issue(request)
  }
  const rate = await measure(requests.length, () => Promise.all(Array.from({ length: together }, worker)))
  const onRecord = authority.issuedCount
  await authority.close()
  await rm(parent, { recursive: true })
  return { rate, onRecord }
}

async function openedAuthority(folder: string): Promise<Authority> {
  const options = { folder, passphrase: 'bench', clock: systemClock, entropy: systemEntropy, log: silentLog }
  await createAuthority({
    ...options,
    rootName: [{ type: 'CN', value: 'Bench Root' }],
    issuingName: [{ type: 'CN', value: 'Bench Issuing CA' }],
  })
  return openAuthority(options)
}

/** Two verifications (the CSR's, and of what was signed) and one signature, over as many bytes as there would be. */
async function bareArithmetic(count: number): Promise<IssuanceRate> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const request = Buffer.alloc(200, 1)
  const certificate = Buffer.alloc(380, 2)
  const signature = sign('sha256', request, privateKey)
  return measure(count, () => {
    for (let n = 0; n < count; n += 1) {
      const made = sign('sha256', certificate, privateKey)
      if (verify('sha256', request, publicKey, signature) && verify('sha256', certificate, publicKey, made)) continue
      throw new TypeError('OpenSSL refused its own signature')
    }
  })
}

async function measure(count: number, work: () => unknown): Promise<IssuanceRate> {
  const cpuBefore = process.cpuUsage()
  const start = process.hrtime.bigint()
  await work()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perSecond: count / seconds, perCpuSecond: (count * 1e6) / (user + system) }
}

function median(rates: readonly IssuanceRate[]): IssuanceRate {
  const middle = (values: readonly number[]): number =>
    values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
  return {
    perSecond: middle(rates.map(({ perSecond }) => perSecond)),
    perCpuSecond: middle(rates.map(({ perCpuSecond }) => perCpuSecond)),
  }
}

const ORDER: WorkOrder = {
  id: 'BENCH-1',
  product: 'press',
  count: 10_000_000,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: [],
}

function text({ perSecond, perCpuSecond }: IssuanceRate): string {
  return `${Math.round(perSecond)}/s, ${Math.round(perCpuSecond)} per CPU second`
}

if (import.meta.main) {
  let ours: IssuanceRate | undefined
  for (const [together, devices] of [
    [1, 500],
    [64, 8_000],
    [256, 8_000],
  ] as const) {
    const { issued, bare } = await measureIssuance({ devices, together, rounds: 3 })
    const ratio = (issued.perCpuSecond / bare.perCpuSecond).toFixed(2)
    console.log(`issue, ${together} at a time: ${text(issued)}; arithmetic alone ${text(bare)}; share of it ${ratio}`)
    if (together === 64) ours = issued
  }
  const requests: Uint8Array[] = []
  for (let n = 0; n < 2_000; n += 1) requests.push((await requestOf(n)).csr)
  const peers = [
    ['openssl x509 -req, a loop', await opensslRate(requests.slice(0, 60))],
    ['cfssl serve, 64 at a time', await cfsslRate(requests, 64)],
  ] as const
  for (const [name, rate] of peers) {
    if (typeof rate === 'string') console.log(`${name}: ${rate}`)
    else if (ours !== undefined) {
      const [wall, cpu] = [ours.perSecond / rate.perSecond, ours.perCpuSecond / rate.perCpuSecond]
      console.log(`${name}: ${text(rate)}; ours is ${wall.toFixed(2)} times that, ${cpu.toFixed(2)} per CPU second`)
    }
  }
}
