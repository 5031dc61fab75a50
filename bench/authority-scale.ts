import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Authority, createAuthority, openAuthority } from '@birthmark/factory/authority'
import { days, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { createCsr, parseCertificate, SoftwareSigner } from '@birthmark/foundation/x509'

/*
 * What an issuing CA costs when it has issued many certificates: the same work is timed after N/10 and after N of them,
 * and memory and the time to open it again are shown. Nothing is left out: each certificate is requested, signed and
 * written down as it would be for a device.
 *
 *     node bench/authority-scale.ts 2000000
 */

/** How much is issued, and how much is timed at each stop. */
export interface ScaleSize {
  readonly certificates: number
  /** Certificates that share a list, of which all of one shard are revoked at each stop. */
  readonly shardSize: number
  /** Look-ups, repetitions and issuances that are timed. */
  readonly probes: number
}

/**
 * What one stop showed; times in microseconds for one, unless said. Times are of the CPU, on all cores: those of the
 * clock would show what else the machine did.
 */
export interface ScaleStop {
  readonly certificates: number
  readonly issue: number
  readonly lookUp: number
  readonly repeat: number
  readonly revoke: number
  /** Milliseconds for the full list of a shard in which every certificate is revoked, and for one addition to it. */
  readonly shardListMs: number
  readonly additionMs: number
  readonly openMs: number
  readonly residentMb: number
}

/** Issues up to `certificates`, and stops after a tenth of them and at the end. */
export async function measureScale(size: ScaleSize, tell: (stop: ScaleStop) => void): Promise<readonly ScaleStop[]> {
  const parent = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const folder = join(parent, 'authority')
  const options = { folder, passphrase: 'bench', clock: systemClock, entropy: systemEntropy, log: silentLog }
  try {
    await createAuthority({
      ...options,
      rootName: [{ type: 'CN', value: 'Bench Root' }],
      issuingName: [{ type: 'CN', value: 'Bench Issuing CA' }],
    })
    let authority = await openAuthority(options)
    await authority.lists.distribute({ url: 'http://pki.example', shardSize: size.shardSize })
    const bench = new Bench(size)
    const stops: ScaleStop[] = []
    for (const goal of [Math.floor(size.certificates / 10), size.certificates]) {
      await bench.fill(authority, goal)
      const timed = await bench.probe(authority)
      await authority.close()
      const openMs = await milliseconds(async () => {
        authority = await openAuthority(options)
      })
      const stop = { certificates: goal, ...timed, openMs, residentMb: process.memoryUsage().rss / 1e6 }
      tell(stop)
      stops.push(stop)
    }
    await authority.close()
    const { size: journal } = await stat(join(folder, 'journal.jsonl'))
    const { size: index } = await stat(join(folder, 'journal.jsonl.index'))
    const each = (bytes: number): string => `${Math.round(bytes / size.certificates)} bytes for each certificate`
    if (import.meta.main) console.log(`journal: ${each(journal)}; index: ${each(index)}`)
    return stops
  } finally {
    await rm(parent, { recursive: true })
  }
}

class Bench {
  readonly #size: ScaleSize
  readonly #csr: Promise<Uint8Array>
  #issued = 0
  /** Serial numbers from all over, some of which are looked up. */
  #sample: { readonly key: string; readonly serial: string }[] = []
  /** Those of the shard that is being filled, and of the last one that was. */
  #shard: string[] = []
  #fullShard: string[] = []

  constructor(size: ScaleSize) {
    this.#size = size
    this.#csr = SoftwareSigner.generate('ecdsa-p256-sha256').then((signer) =>
      createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer }),
    )
  }

  /** Issues until there are `goal` certificates. */
  async fill(authority: Authority, goal: number): Promise<void> {
    const csr = await this.#csr
    const every = Math.max(1, Math.floor(this.#size.certificates / 10 / this.#size.probes))
    const worker = async (): Promise<void> => {
      while (this.#issued < goal) {
        this.#issued += 1
        const n = this.#issued
        const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey: `meter-${n}` })
        const serial = this.#note(certificate)
        if (n % every === 0) this.#sample.push({ key: `meter-${n}`, serial })
      }
    }
    await together(worker)
  }

  /** Counts a certificate into its shard: they are filled in the order of issuance. */
  #note(certificate: Uint8Array): string {
    const serial = serialOf(certificate)
    this.#shard.push(serial)
    if (this.#shard.length < this.#size.shardSize) return serial
    this.#fullShard = this.#shard
    this.#shard = []
    return serial
  }

  async probe(authority: Authority): Promise<Omit<ScaleStop, 'certificates' | 'openMs' | 'residentMb'>> {
    const csr = await this.#csr
    const { probes } = this.#size
    const chosen = Array.from({ length: probes }, (_, n) => this.#sample[(n * 7919) % this.#sample.length]).filter(
      (entry) => entry !== undefined,
    )
    const lookUp = await each(chosen, async ({ serial }) => {
      if ((await authority.lookUp(serial))?.certificate === undefined) throw new TypeError(`${serial} was not found`)
    })
    const repeat = await each(chosen, async ({ key, serial }) => {
      const { certificate } = await authority.issue({ kind: 'device', csr, idempotencyKey: key })
      if (serialOf(certificate) !== serial) throw new TypeError(`${key} got another certificate`)
    })
    const issue = await each(chosen, async () => {
      this.#note((await authority.issue({ kind: 'device', csr })).certificate)
    })
    const victims = this.#fullShard.splice(0)
    const revoked = new Set(victims)
    this.#sample = this.#sample.filter(({ serial }) => !revoked.has(serial))
    const shards = authority.lists.shards.filter(({ certificates }) => certificates === this.#size.shardSize)
    const revoke = await each(victims.slice(1), (serial) => authority.revoke(serial, 'superseded'))
    const number = shards.at(-1)?.number ?? 1
    const shardListMs = await milliseconds(() => authority.lists.shard(number, days(7)))
    await authority.revoke(victims[0] ?? '', 'keyCompromise')
    const additionMs = await milliseconds(() => authority.lists.addition(number, days(7)))
    return { issue, lookUp, repeat, revoke, shardListMs, additionMs }
  }
}

/** The serial number as it is asked for; reading the whole certificate would be timed with it. */
function serialOf(certificate: Uint8Array): string {
  return parseCertificate(certificate).serialNumber
}

/** Does the work for every item, 64 at a time. @returns Microseconds for one. */
async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<number> {
  const queue = items.values()
  const total = await milliseconds(() =>
    together(async () => {
      for (const item of queue) await work(item)
    }),
  )
  return (total * 1000) / Math.max(1, items.length)
}

async function together(worker: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: 64 }, worker))
}

/** Milliseconds of CPU time. */
async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

if (import.meta.main) {
  const certificates = Number(process.argv[2] ?? 200_000)
  const size = { certificates, shardSize: Math.min(65_536, Math.floor(certificates / 20)), probes: 4_000 }
  await measureScale(size, (stop) => {
    const row = Object.entries(stop).map(
      ([name, value]) => `${name} ${value < 100 ? value.toFixed(1) : Math.round(value)}`,
    )
    console.log(row.join('  '))
  })
}
