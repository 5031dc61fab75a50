import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, openAuthority } from '@birthmark/factory/authority'
import { deviceSubject, type WorkOrder } from '@birthmark/factory/order'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, SoftwareSigner } from '@birthmark/foundation/x509'

/*
 * How much of what OpenSSL's arithmetic allows is left when a certificate is issued: CSR verified, quota taken, intent
 * on disk, signed and the signature checked, result on disk, against nothing but one P-256 verification and one
 * signature per certificate, through node:crypto, in the same run.
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

/** Certificates a second, and how many the authority has on record at its end. */
export interface IssuanceBenchResult {
  readonly issued: number
  readonly bare: number
  readonly onRecord: number
}

/** Measures both sides in turn, the authority in a folder of its own. */
export async function measureIssuance({ devices, together, rounds }: IssuanceBenchSize): Promise<IssuanceBenchResult> {
  const requests: Request[] = []
  for (let n = 0; n < devices; n += 1) requests.push(await requestOf(n))
  const issued: number[] = []
  const bare: number[] = []
  let onRecord = 0
  for (let round = 0; round < rounds; round += 1) {
    const measured = await issueAll(requests, together)
    issued.push(measured.perSecond)
    bare.push(bareArithmetic(devices))
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
): Promise<{ readonly perSecond: number; readonly onRecord: number }> {
  const parent = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const authority = await openedAuthority(join(parent, 'authority'))
  await authority.admit(ORDER)
  const station = authority.station(ORDER.id)
  const queue = requests.values()
  const start = process.hrtime.bigint()
  const worker = async (): Promise<void> => {
    for (const request of queue) await station.issue(request)
  }
  await Promise.all(Array.from({ length: together }, worker))
  const perSecond = rate(requests.length, start)
  const onRecord = authority.issuedCount
  await authority.close()
  await rm(parent, { recursive: true })
  return { perSecond, onRecord }
}

async function openedAuthority(folder: string): ReturnType<typeof openAuthority> {
  const options = { folder, passphrase: 'bench', clock: systemClock, entropy: systemEntropy, log: silentLog }
  await createAuthority({
    ...options,
    rootName: [{ type: 'CN', value: 'Bench Root' }],
    issuingName: [{ type: 'CN', value: 'Bench Issuing CA' }],
  })
  return openAuthority(options)
}

/** One verification and one signature for each certificate, over as many bytes as there would be. */
function bareArithmetic(count: number): number {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const request = Buffer.alloc(200, 1)
  const certificate = Buffer.alloc(380, 2)
  const signature = sign('sha256', request, privateKey)
  const start = process.hrtime.bigint()
  for (let n = 0; n < count; n += 1) {
    if (!verify('sha256', request, publicKey, signature)) throw new TypeError('OpenSSL refused its own signature')
    sign('sha256', certificate, privateKey)
  }
  return rate(count, start)
}

function rate(count: number, start: bigint): number {
  return (count * 1e9) / Number(process.hrtime.bigint() - start)
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0
}

const ORDER: WorkOrder = {
  id: 'BENCH-1',
  product: 'press',
  count: 10_000_000,
  profile: 'device',
  subject: { commonName: '{product}-{uidHash}', serialNumber: '{uid}' },
  locks: [],
}

if (import.meta.main) {
  for (const [together, devices] of [
    [1, 500],
    [64, 4_000],
    [256, 4_000],
  ] as const) {
    const { issued, bare } = await measureIssuance({ devices, together, rounds: 3 })
    const ratio = (issued / bare).toFixed(2)
    console.log(
      `issue, ${together} at a time  ${Math.round(issued)}/s  bare node:crypto ${Math.round(bare)}/s  ratio ${ratio}`,
    )
  }
}
