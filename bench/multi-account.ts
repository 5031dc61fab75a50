import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeManifest } from '@birthmark/factory/manifest'
import { instant } from '@birthmark/foundation/kernel'
import { systemEntropy } from '@birthmark/foundation/system'
import { DEVICE, ISSUING_CA, Linted, newSerialNumber, SoftwareSigner } from '@birthmark/foundation/x509'
import { type DemoCloud, startCloud } from 'birthmark/parts'

/*
 * Multi-account registration: the certificates of one manifest, checked and registered without a CA in several accounts
 * of one server, by the command `birthmark manifest import --bulk`, once for each account. What counts is certificates
 * a second, and that neither the command nor the server grows with the manifest.
 *
 *     node bench/multi-account.ts [certificates] [accounts]
 */

/** What one account took. */
export interface AccountImport {
  readonly perSecond: number
  /** Largest resident memory so far, in megabytes. */
  readonly commandMb: number
  readonly serverMb: number
}

/** Imports one manifest into several accounts. */
export async function measureImports(certificates: number, accounts: number): Promise<readonly AccountImport[]> {
  const folder = mkdtempSync(join(tmpdir(), 'birthmark-bench-'))
  const cloud = await startCloud(join(folder, 'cloud'))
  try {
    await writeLot(folder, certificates)
    const results: AccountImport[] = []
    for (let n = 0; n < accounts; n += 1) {
      const env = n === 0 ? environmentOf(cloud.access) : await newAccount(cloud)
      const began = performance.now()
      const commandMb = await importLot(folder, cloud, env, certificates)
      const perSecond = (certificates * 1000) / (performance.now() - began)
      results.push({ perSecond, commandMb, serverMb: peakMb(cloud.process.pid) })
    }
    return results
  } finally {
    await cloud.process.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes a line's manifest, signed. */
async function writeLot(folder: string, count: number): Promise<void> {
  const line = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const issuer = await SoftwareSigner.generate('ecdsa-p256-sha256')
  const now = instant(Date.now())
  const serial = (): Uint8Array => newSerialNumber(systemEntropy)
  const ca = await Linted.lint({
    profile: ISSUING_CA,
    subject: [{ type: 'CN', value: 'Bench Line' }],
    publicKey: issuer.publicKey,
    issuer: 'self',
    serialNumber: serial(),
    now,
  }).sign(issuer)
  async function* devices(): AsyncGenerator<{ uid: string; certificate: Uint8Array }> {
    for (let n = 0; n < count; n += 1) {
      const uid = n.toString(16).padStart(16, '0')
      const subject = [{ type: 'CN', value: `device-${uid}` }]
      const device = await SoftwareSigner.generate('ecdsa-p256-sha256')
      const request = { profile: DEVICE, subject, publicKey: device.publicKey, issuer: { certificate: ca }, now }
      yield { uid, certificate: (await Linted.lint({ ...request, serialNumber: serial() }).sign(issuer)).der }
    }
  }
  const heading = { order: 'bench', product: 'meter', count, issuer: ca.der }
  const ledger = { entries: count, hash: '0'.repeat(64) }
  await writeManifest(join(folder, 'lot.jsonl'), { heading, devices: devices(), ledger, signer: line })
  const pem =
    Buffer.from(line.publicKey)
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n') ?? ''
  writeFileSync(join(folder, 'line.pub'), `-----BEGIN PUBLIC KEY-----\n${pem}\n-----END PUBLIC KEY-----\n`)
}

type Environment = Readonly<Record<string, string>>

function environmentOf({ accessKeyId, secretAccessKey, region }: Omit<DemoCloud['access'], 'endpoint'>): Environment {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region }
}

async function newAccount(cloud: DemoCloud): Promise<Environment> {
  const words = ['accounts', 'create', '--control', cloud.access.endpoint, '--json']
  const { stdout } = await run(words, environmentOf(cloud.access))
  const { region, accessKey }: { region: string; accessKey: { accessKeyId: string; secretAccessKey: string } } =
    JSON.parse(stdout)
  return environmentOf({ ...accessKey, region })
}

/** Gives the largest memory that the command took, in megabytes. */
async function importLot(folder: string, cloud: DemoCloud, env: Environment, count: number): Promise<number> {
  const trust = ['--format', 'birthmark', '--signer', join(folder, 'line.pub')]
  const how = ['--cloud', cloud.access.endpoint, '--bulk', '--status', 'ACTIVE', '--json']
  const { stdout, peak } = await run(['manifest', 'import', join(folder, 'lot.jsonl'), ...trust, ...how], env)
  const last: { registered?: number } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}')
  if (last.registered !== count) throw new Error(stdout.slice(-500))
  return peak
}

function run(words: readonly string[], env: Environment): Promise<{ stdout: string; peak: number }> {
  const child = spawn(process.execPath, [BIRTHMARK, ...words], { env: { ...process.env, ...env } })
  let [stdout, peak] = ['', 0]
  child.stdout.on('data', (data: Buffer) => {
    // The last line counts; a lot writes one for each device.
    stdout = (stdout + data.toString()).slice(-10_000)
    peak = Math.max(peak, peakMb(child.pid ?? 0))
  })
  child.stderr.resume()
  return new Promise((resolve) => child.once('close', () => resolve({ stdout, peak })))
}

/** Reads the largest resident memory of a process so far (proc(5), VmHWM); 0 when it is gone. */
function peakMb(pid: number): number {
  try {
    const [, kb = 0] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Math.round(Number(kb) / 1024)
  } catch {
    return 0
  }
}

const BIRTHMARK = fileURLToPath(new URL('../packages/cli/bin/birthmark.js', import.meta.url))

if (import.meta.main) {
  const [certificates = 20_000, accounts = 2] = process.argv.slice(2).map(Number)
  for (const [n, { perSecond, commandMb, serverMb }] of (await measureImports(certificates, accounts)).entries()) {
    const memory = `${commandMb} MB for the command, ${serverMb} MB for the server`
    console.log(`account ${n + 1}: ${certificates} certificates, ${perSecond.toFixed(0)} a second; ${memory}`)
  }
}
