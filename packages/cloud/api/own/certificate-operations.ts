import type { CertificateRecord } from '@birthmark/cloud/registry'
import { messageOf } from '@birthmark/foundation/kernel'
import type { Certificate } from '@birthmark/foundation/x509'
import { invalidRequest } from '../exceptions.ts'
import { readCertificate } from '../operations/read-certificate.ts'
import { idOf } from '../operations/register-certificate.ts'
import { newUuid } from '../operations/values.ts'
import type { OwnCall, OwnOperation } from './operation.ts'

/** Certificates in bulk, which AWS IoT takes one by one. */
export const CERTIFICATE_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'RegisterCertificates',
    method: 'POST',
    path: '/v1/certificates',
    summary: 'Registers certificates without a CA, each as RegisterCertificateWithoutCA does, many in one request.',
    changes: true,
    fields: {
      certificates: { type: 'strings', required: true, description: 'at most 100, PEM' },
      status: { type: 'string', values: ['ACTIVE', 'INACTIVE'], description: 'INACTIVE when absent' },
    },
    answers: { results: 'one for each, in order: certificateId, outcome (registered, already, refused), why' },
    perform: registerCertificates,
  },
]

interface Result {
  readonly certificateId?: string
  readonly outcome: 'registered' | 'already' | 'refused'
  readonly why?: string
}

/** Each certificate stands or falls alone; those of one request share a flush to disk. */
async function registerCertificates(call: OwnCall): Promise<object> {
  const certificates = call.given.texts('certificates')
  if (certificates.length > CERTIFICATES_MAX)
    throw invalidRequest(`certificates has at most ${CERTIFICATES_MAX} texts.`)
  const status = call.given.text('status') === 'ACTIVE' ? 'ACTIVE' : 'INACTIVE'
  return { results: await Promise.all(certificates.map((pem) => registerOne(pem, status, call))) }
}

async function registerOne(pem: string, status: 'ACTIVE' | 'INACTIVE', call: OwnCall): Promise<Result> {
  let certificate: Certificate
  try {
    certificate = readCertificate(pem, call.now)
  } catch (error) {
    return { outcome: 'refused', why: messageOf(error) }
  }
  const id = idOf(certificate)
  const { notBefore, notAfter } = certificate
  const moments = { notBefore, notAfter, createdAt: call.now, modifiedAt: call.now }
  const record: CertificateRecord = {
    id,
    pem: certificate.toPem(),
    status,
    mode: 'SNI_ONLY',
    caId: undefined,
    ...moments,
    customerVersion: 1,
    generationId: newUuid(call.options.entropy),
  }
  const result = await call.registry.commit([{ do: 'register-certificate', certificate: record }])
  return { certificateId: id, outcome: result.ok ? 'registered' : 'already' }
}

/** Certificates in one request: with 1.3 KB each half of what a request may have. */
const CERTIFICATES_MAX = 100
