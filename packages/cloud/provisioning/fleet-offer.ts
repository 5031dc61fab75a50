import type { CertificateRecord } from '@birthmark/cloud/registry'
import { encodeUtf8, Fault, later, type Millis, seconds, toHex } from '@birthmark/foundation/kernel'
import { fleetFault } from './fleet-faults.ts'
import { type PayloadMembers, textMember } from './fleet-payload.ts'
import type { FleetClient, FleetPorts, FleetRequest } from './fleet-ports.ts'
import { uuidOf } from './uuid.ts'

/** Makes a key pair and a certificate for it; the key goes to the device, once, and is kept nowhere. */
export async function createKeysAndCertificate(
  request: FleetRequest,
  ports: FleetPorts,
): Promise<Readonly<Record<string, unknown>>> {
  const { csr, privateKeyPem } = await ports.crypto.newKey()
  const { certificateId, certificatePem, certificateOwnershipToken } = await offer(csr, 'keys', request, ports)
  return { certificateId, certificatePem, privateKey: privateKeyPem, certificateOwnershipToken }
}

/** Makes a certificate for the key of a request. */
export async function createCertificateFromCsr(
  members: PayloadMembers,
  request: FleetRequest,
  ports: FleetPorts,
): Promise<Readonly<Record<string, unknown>>> {
  const pem = textMember(members, 'certificateSigningRequest', CSR_CHARACTERS_MAX)
  const { certificateId, certificatePem, certificateOwnershipToken } = await blamingCsr(() =>
    offer(ports.crypto.readCsr(pem), 'csr', request, ports),
  )
  return { certificateOwnershipToken, certificateId, certificatePem }
}

/** Tells clients apart: a token is good for the identity that asked for it. */
export function principalOf({ certificateId, connectionId }: FleetClient): string {
  return certificateId ?? `connection ${connectionId}`
}

/** Gives the hash that a token is kept by, lower-case hex. */
export function hashOf(text: string, { crypto }: FleetPorts): string {
  return toHex(crypto.sha256(encodeUtf8(text)))
}

interface Offered {
  readonly certificateId: string
  readonly certificatePem: string
  readonly certificateOwnershipToken: string
}

/** Issues and registers a certificate that waits for its device to be provisioned. */
async function offer(
  csr: Uint8Array,
  origin: 'csr' | 'keys',
  request: FleetRequest,
  ports: FleetPorts,
): Promise<Offered> {
  const { scope, client } = request
  const { certificate } = await ports.issue(csr, { scope, client, origin })
  const read = ports.crypto.readCertificate(certificate)
  const now = ports.clock.now()
  const record: CertificateRecord = {
    ...read,
    status: 'PENDING_ACTIVATION',
    mode: 'DEFAULT',
    caId: undefined,
    createdAt: now,
    modifiedAt: now,
    customerVersion: 1,
    generationId: uuidOf(ports.entropy),
  }
  const token = toHex(ports.entropy.bytes(TOKEN_BYTES))
  const result = await ports.registryOf(scope).commit([
    { do: 'register-certificate', certificate: record },
    {
      do: 'offer-certificate',
      offer: {
        certificateId: record.id,
        tokenHash: hashOf(token, ports),
        principal: principalOf(client),
        expiresAt: later(now, ports.tokenLifetime ?? TOKEN_LIFETIME),
        usedFor: undefined,
      },
    },
  ])
  if (!result.ok) throw new RangeError(`a new certificate was refused: ${result.reason}`)
  request.note(`certificate ${record.id} is offered to ${principalOf(client)}`)
  return { certificateId: record.id, certificatePem: record.pem, certificateOwnershipToken: token }
}

/** A request may be unreadable, or fail at whoever signs. */
async function blamingCsr<Result>(make: () => Promise<Result>): Promise<Result> {
  try {
    return await make()
  } catch (error) {
    if (!(error instanceof Fault) || !CSR_FAULTS.has(error.code)) throw error
    throw fleetFault('FLEET_CSR_INVALID', { why: error.message }, error)
  }
}

/** What the x509 room says of a request, and what a signer says of it. */
const CSR_FAULTS: ReadonlySet<string> = new Set([
  'CSR_UNREADABLE',
  'CSR_KEY_UNSUPPORTED',
  'CSR_SIGNATURE_INVALID',
  'CERTIFICATE_REQUEST_REFUSED',
])

/** How long a device may take between its certificate and its provisioning (AWS IoT: one hour). */
const TOKEN_LIFETIME: Millis = seconds(3600)
/** Randomness of an ownership token. Its 64 hex digits fit the buffers of embedded SDKs. */
const TOKEN_BYTES = 32
/** Longest request, in characters (AWS IoT API, CertificateSigningRequest: 4096). */
const CSR_CHARACTERS_MAX = 4096
