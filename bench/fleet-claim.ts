import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  FleetProvisioning,
  type FleetRequest,
  provisionFirstConnection,
  TemplateCache,
} from '@birthmark/cloud/provisioning'
import { fleetCrypto, sha256 } from '@birthmark/cloud/provisioning/adapters'
import { type CaCertificateRecord, certificateId, type Registry } from '@birthmark/cloud/registry'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemEntropy } from '@birthmark/foundation/system'
import { type Certificate, createCsr, SoftwareSigner, toPem } from '@birthmark/foundation/x509'
import { newTestAuthority } from '../testing/testkit/test-authority.ts'

/*
 * Fleet provisioning by claim, as its MQTT service does it: request verified, certificate signed (here, in the same
 * process) and registered, then provisioned by a template; both steps on disk before their answers. Against
 * just-in-time provisioning of certificates that somebody else has signed, in the same run on the same store.
 *
 *     node bench/fleet-claim.ts
 */

const SCOPE = { account: '111122223333', region: 'eu-central-1' }

/** How much is measured. */
export interface ClaimBenchSize {
  readonly devices: number
  /** Devices at a time. */
  readonly together: number
}

/** Devices a second of one core's time, each way. */
export interface ClaimBenchResult {
  readonly claim: number
  readonly justInTime: number
}

/** Measures both ways, each device new. */
export async function measureClaims({ devices, together }: ClaimBenchSize): Promise<ClaimBenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-bench-'))
  const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  try {
    const claim = await claimRate(registry, devices, together)
    return { claim, justInTime: await justInTimeRate(registry, devices, together) }
  } finally {
    await registry.close()
    await rm(folder, { recursive: true })
  }
}

function templateOf(parameter: string): string {
  return JSON.stringify({
    Parameters: { [parameter]: { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: parameter } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
      },
    },
  })
}

async function claimRate(registry: Registry, devices: number, together: number): Promise<number> {
  const authority = await newTestAuthority()
  const now = systemClock.now()
  const body = templateOf('SerialNumber')
  const names = { name: 'meters', type: 'FLEET_PROVISIONING', description: '', enabled: true, roleArn: 'r' } as const
  const template = { ...names, body, defaultVersionId: 1, createdAt: now, modifiedAt: now }
  await registry.in(SCOPE).commit([{ do: 'create-template', template }])
  const fleet = new FleetProvisioning({
    registryOf: (scope) => registry.in(scope),
    issue: (csr) => authority.issue(csr, 'device'),
    crypto: fleetCrypto,
    templates: new TemplateCache(),
    clock: systemClock,
    entropy: systemEntropy,
    log: silentLog,
    hookOf: () => undefined,
    callHook: undefined,
    existingThings: 'bind',
  })
  const requests: string[] = []
  for (let n = 0; n < devices; n += 1) {
    const signer = await SoftwareSigner.generate('ecdsa-p256-sha256')
    const csr = await createCsr({ subject: [{ type: 'CN', value: 'meter' }], signer })
    requests.push(toPem('CERTIFICATE REQUEST', csr))
  }
  return rateOf(devices, together, async (n) => {
    const made = await ask(
      fleet,
      '$aws/certificates/create-from-csr/json',
      { certificateSigningRequest: requests[n] },
      n,
    )
    const { certificateOwnershipToken } = made
    const wanted = { certificateOwnershipToken, parameters: { SerialNumber: `claimed-${n}` } }
    await ask(fleet, '$aws/provisioning-templates/meters/provision/json', wanted, n)
  })
}

function ask(
  fleet: FleetProvisioning,
  topic: string,
  payload: object,
  n: number,
): Promise<{ readonly certificateOwnershipToken?: string }> {
  return new Promise((resolve, reject) => {
    const request: FleetRequest = {
      scope: SCOPE,
      topic,
      payload: Buffer.from(JSON.stringify(payload)),
      client: {
        connectionId: `k${n}`,
        clientId: `c${n}`,
        remoteAddress: '::1',
        certificateId: certificateId('c'.repeat(64)),
      },
      reply: (at, body) => {
        const text = Buffer.from(body).toString()
        if (at.endsWith('/accepted')) resolve(JSON.parse(text))
        else reject(new Error(text))
      },
      note: () => undefined,
    }
    fleet.receive(request)
  })
}

async function justInTimeRate(registry: Registry, devices: number, together: number): Promise<number> {
  const authority = await newTestAuthority()
  const certificates: Certificate[] = []
  for (let n = 0; n < devices; n += 1) certificates.push(await authority.issueDevice({ commonName: `jit-${n}` }))
  const templates = new TemplateCache()
  const ca = caRecord(authority.certificate)
  return rateOf(devices, together, async (n) => {
    const certificate = certificates[n]
    if (certificate === undefined) return
    const ports = { now: systemClock.now(), entropy: systemEntropy, templates, sha256 }
    const { outcome } = await provisionFirstConnection(registry.in(SCOPE), { ca, certificate, ...ports })
    if (outcome !== 'provisioned') throw new Error(outcome)
  })
}

function caRecord(certificate: Certificate): CaCertificateRecord {
  const id = certificateId(certificate.fingerprint)
  if (id === undefined) throw new TypeError('no fingerprint')
  const { notBefore, notAfter, subjectHash } = certificate
  const templateBody = templateOf('AWS::IoT::Certificate::CommonName')
  return {
    id,
    pem: certificate.toPem(),
    subjectHash,
    status: 'ACTIVE',
    mode: 'DEFAULT',
    autoRegistration: true,
    registrationConfig: { templateBody, roleArn: undefined, templateName: undefined },
    notBefore,
    notAfter,
    createdAt: notBefore,
    modifiedAt: notBefore,
    customerVersion: 1,
    generationId: 'g',
  }
}

/** Runs `once` for each number, some at a time, and gives how many a second of processor time does. */
async function rateOf(count: number, together: number, once: (n: number) => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await once(next++)
  }
  await Promise.all(Array.from({ length: together }, worker))
  const { user, system } = process.cpuUsage(before)
  return (count * 1e6) / (user + system)
}

if (import.meta.main) {
  const { claim, justInTime } = await measureClaims({ devices: 3000, together: 64 })
  console.log(`by claim      ${claim.toFixed(0)} devices per CPU second, signature included`)
  console.log(`just in time  ${justInTime.toFixed(0)} devices per CPU second`)
  console.log(`ratio         ${(claim / justInTime).toFixed(2)}`)
}
