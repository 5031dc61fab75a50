import { type Members, readJsonObject } from '@birthmark/factory/json'
import { isFault } from '@birthmark/foundation/kernel'
import { type Certificate, formatName, parseCertificate } from '@birthmark/foundation/x509'
import { setupFault } from './setup-faults.ts'

/** What a code's holder sends to a key's holder: the registration code of a cloud, and where it is from. */
export interface ProofRequest {
  readonly registrationCode: string
  /** The address of the cloud's control plane; for people. */
  readonly cloud: string
}

/** What a key's holder sends back: the CA, and the certificate that proves the possession of its key. */
export interface Proof {
  readonly caCertificate: Certificate
  readonly verificationCertificate: Certificate
}

/** Writes the file that asks for a proof. */
export function writeProofRequest({ registrationCode, cloud }: ProofRequest): string {
  return `${JSON.stringify({ format: REQUEST_FORMAT, registrationCode, cloud }, undefined, 2)}\n`
}

/** Reads the file that asks for a proof. @throws `PROOF_FILE_INVALID` (operator) */
export function parseProofRequest(text: string): ProofRequest {
  const read = readJsonObject(text, (members) => {
    members.word('format', [REQUEST_FORMAT])
    return {
      registrationCode: members.text('registrationCode', /^[0-9a-f]{64}$/i, 'a registration code: 64 hex digits'),
      cloud: members.text('cloud', /^[\x20-\x7e]{0,2048}$/, 'an address'),
    }
  })
  if (read.ok) return read.value
  throw setupFault('PROOF_FILE_INVALID', { problems: read.problems.join('; ') })
}

/** Writes the file with a proof. */
export function writeProof({ caCertificate, verificationCertificate }: Proof): string {
  const members = {
    format: PROOF_FORMAT,
    ca: formatName(caCertificate.subject),
    caCertificate: caCertificate.toPem(),
    verificationCertificate: verificationCertificate.toPem(),
  }
  return `${JSON.stringify(members, undefined, 2)}\n`
}

/**
 * Reads the file with a proof, and checks what the cloud will check: the CA signed the verification certificate, and
 * that names the code.
 *
 * @param registrationCode The code that was sent out.
 * @throws `PROOF_FILE_INVALID` (operator)
 */
export function parseProof(text: string, registrationCode: string): Proof {
  const read = readJsonObject(text, readProof)
  if (!read.ok) throw setupFault('PROOF_FILE_INVALID', { problems: read.problems.join('; ') })
  const proof = read.value
  const { caCertificate, verificationCertificate } = proof
  if (caCertificate === undefined || verificationCertificate === undefined)
    throw setupFault('PROOF_FILE_INVALID', { problems: 'it lacks a certificate' })
  if (!verificationCertificate.isSignedBy(caCertificate)) {
    throw setupFault('PROOF_FILE_INVALID', { problems: 'the CA did not sign the verification certificate' })
  }
  const named = verificationCertificate.subject.some(({ type, value }) => type === 'CN' && value === registrationCode)
  if (named) return { caCertificate, verificationCertificate }
  throw setupFault('PROOF_FILE_INVALID', { problems: 'the proof is for another registration code' })
}

function readProof(members: Members): Partial<Proof> {
  members.word('format', [PROOF_FORMAT])
  members.text('ca', /^.{1,2048}$/, 'the name of the CA')
  return {
    ...certificate(members, 'caCertificate'),
    ...certificate(members, 'verificationCertificate'),
  }
}

function certificate(members: Members, name: 'caCertificate' | 'verificationCertificate'): Partial<Proof> {
  const pem = members.text(name, PEM, 'one certificate in PEM')
  if (pem === '') return {}
  try {
    return { [name]: parseCertificate(pem) }
  } catch (error) {
    if (!isFault(error)) throw error
    members.refuse(name, `is unreadable: ${error.message}`)
    return {}
  }
}

const REQUEST_FORMAT = 'birthmark-proof-request/1'
const PROOF_FORMAT = 'birthmark-proof/1'
const PEM = /^-----BEGIN CERTIFICATE-----[^-]{1,90000}-----END CERTIFICATE-----\s*$/
