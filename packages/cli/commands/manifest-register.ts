import {
  type CertificateStatus,
  type IoTClient,
  RegisterCertificateCommand,
  RegisterCertificateWithoutCACommand,
  ResourceAlreadyExistsException,
} from '@aws-sdk/client-iot'
import type { ListedDevice } from '@birthmark/factory/manifest'
import { type Fault, isFault } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { type CloudAccess, callCloud, callOwnApi } from '../cloud-client.ts'
import { objectsIn } from '../cloud-options.ts'

/** How certificates are registered. */
export interface Registration {
  readonly client: IoTClient
  readonly access: CloudAccess
  /** Calls under way at once. */
  readonly parallel: number
  readonly status: CertificateStatus
  /** Registers under the CA that the cloud knows; otherwise without a CA, for any account. */
  readonly withCa: boolean
  /** Sends many in one request, which Birthmark's own control plane takes; AWS takes one. Not with a CA. */
  readonly inBulk: boolean
  /** CAs beside those in the manifest, to say which one is meant. */
  readonly authorities: readonly Certificate[]
  /** Tells whether the cloud is known to have a certificate. */
  readonly isDone: (fingerprint: string) => boolean
  /** Hears of every certificate. */
  readonly onResult: (result: RegistrationResult) => void
  /** No call begins once this says so. */
  readonly isStopped: () => boolean
}

/** What came of one certificate. */
export interface RegistrationResult {
  readonly row: number
  readonly uid?: string
  readonly fingerprint: string
  /** `registered` now, `already` there before, `failed`: the cloud refused it. */
  readonly outcome: 'registered' | 'already' | 'failed'
  readonly reason?: Fault
}

/**
 * Registers certificates through AWS's own client, some at a time. One that is there already stays as it is, so that
 * the same devices may be given again. One that the cloud refuses is told and the others go on; a cloud that fails or
 * does not answer ends it.
 *
 * @throws `CLOUD_FAILED`, `CLOUD_UNREACHABLE`, and what reading the devices throws
 */
export async function registerDevices(devices: AsyncIterable<ListedDevice>, how: Registration): Promise<void> {
  // One generator, which gives each of its callers another device.
  const source = devices[Symbol.asyncIterator]()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    while (failures.length === 0 && !how.isStopped()) {
      const batch = await take(source, how.inBulk ? BULK_COUNT : 1)
      if (batch.length === 0) return
      const results = how.inBulk
        ? await registerBatch(batch, how)
        : await Promise.all(batch.map((one) => registerOne(one, how)))
      for (const result of results) if (result !== undefined) how.onResult(result)
    }
  }
  const workers = Array.from({ length: how.parallel }, () =>
    worker().catch((error: unknown) => {
      // The others finish the call that they are at, and begin no other.
      failures.push(error)
      throw error
    }),
  )
  await Promise.allSettled(workers)
  await source.return?.()
  await Promise.all(workers)
}

/** Takes some devices, fewer at the end. */
async function take(source: AsyncIterator<ListedDevice>, count: number): Promise<readonly ListedDevice[]> {
  const taken: ListedDevice[] = []
  while (taken.length < count) {
    const next = await source.next()
    if (next.done === true) break
    taken.push(next.value)
  }
  return taken
}

/** Sends what is new of a batch in one request; what that refuses is asked for alone, and gives its reason then. */
async function registerBatch(
  devices: readonly ListedDevice[],
  how: Registration,
): Promise<readonly (RegistrationResult | undefined)[]> {
  const isNew = ({ fingerprint }: ListedDevice): boolean => fingerprint !== undefined && !how.isDone(fingerprint)
  const wanted = devices.filter((device) => device.certificate !== undefined && isNew(device))
  const certificates = wanted.map(({ certificate = new Uint8Array() }) => toPem('CERTIFICATE', certificate))
  const body = { certificates, status: how.status }
  const answer = certificates.length === 0 ? {} : await callOwnApi(how.access, 'POST', '/v1/certificates', body)
  const results = objectsIn({ ...Object(answer) }, 'results')
  const outcomes = new Map(wanted.map(({ fingerprint }, index) => [fingerprint, results[index]?.['outcome']] as const))
  return Promise.all(
    devices.map(async (device) => {
      const { row, uid, fingerprint } = device
      const outcome = outcomes.get(fingerprint)
      if (fingerprint === undefined || (outcome !== 'registered' && outcome !== 'already'))
        return registerOne(device, how)
      return { row, ...(uid !== undefined && { uid }), fingerprint, outcome }
    }),
  )
}

async function registerOne(device: ListedDevice, how: Registration): Promise<RegistrationResult | undefined> {
  const { row, uid, certificate, fingerprint } = device
  if (certificate === undefined || fingerprint === undefined) return undefined
  const named = { row, ...(uid !== undefined && { uid }), fingerprint }
  if (how.isDone(fingerprint)) return { ...named, outcome: 'already' }
  try {
    await send(certificate, device, how)
    return { ...named, outcome: 'registered' }
  } catch (error) {
    if (!isFault(error, 'CLOUD_REFUSED')) throw error
    if (error.cause instanceof ResourceAlreadyExistsException) return { ...named, outcome: 'already' }
    return { ...named, outcome: 'failed', reason: error }
  }
}

async function send(der: Uint8Array, { chain }: ListedDevice, how: Registration): Promise<void> {
  const { client, access, status } = how
  const certificatePem = toPem('CERTIFICATE', der)
  if (!how.withCa) {
    const command = new RegisterCertificateWithoutCACommand({ certificatePem, status })
    await callCloud(access, 'RegisterCertificateWithoutCA', () => client.send(command))
    return
  }
  const { issuerHash } = parseCertificate(der)
  const issuer = [...chain.map((one) => parseCertificate(one)), ...how.authorities].find(
    ({ subjectHash }) => subjectHash === issuerHash,
  )
  const caCertificatePem = issuer?.toPem()
  const command = new RegisterCertificateCommand({
    certificatePem,
    status,
    ...(caCertificatePem !== undefined && { caCertificatePem }),
  })
  await callCloud(access, 'RegisterCertificate', () => client.send(command))
}

/** Certificates in one request of our own control plane, which takes as many. */
const BULK_COUNT = 100
