import type { CertificateRecord, CertificateStatus, Scope } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Operations } from '../operation-types.ts'
import { arnOf, parseCertificateId } from './arns.ts'
import { describeTransfer } from './certificate-transfers.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { dateOf } from './values.ts'

/** Device certificates that are registered already. */
export const certificateOperations: Partial<Operations> = {
  async DescribeCertificate({ certificateId }, { registry }) {
    const id = parseCertificateId(certificateId)
    const [record, transfer] = await Promise.all([registry.certificate(id), registry.transfers.of(id)])
    if (record === undefined) throw notFound(`The certificate does not exist (id=${certificateId})`)
    const certificateDescription = {
      ...summaryOf(record, registry.scope),
      caCertificateId: record.caId,
      certificatePem: record.pem,
      ...describeTransfer(registry.scope, transfer),
      lastModifiedDate: dateOf(record.modifiedAt),
      customerVersion: record.customerVersion,
      generationId: record.generationId,
      validity: { notBefore: dateOf(record.notBefore), notAfter: dateOf(record.notAfter) },
    }
    return { certificateDescription }
  },

  async ListCertificates(input, { registry }) {
    const page = await registry.certificates(pageRequest(input))
    return { certificates: page.rows.map((row) => summaryOf(row, registry.scope)), nextMarker: nextToken(page) }
  },

  async ListCertificatesByCA({ caCertificateId, ...input }, { registry }) {
    const page = await registry.certificatesByCa(parseCertificateId(caCertificateId), pageRequest(input))
    return { certificates: page.rows.map((row) => summaryOf(row, registry.scope)), nextMarker: nextToken(page) }
  },

  async UpdateCertificate({ certificateId, newStatus }, call) {
    const to = SETTABLE.find((status) => status === newStatus)
    if (to === undefined) throw invalidRequest(`A certificate can not be set to ${newStatus}.`)
    const from = CERTIFICATE_STATUSES.filter((status) => CERTIFICATE_TRANSITIONS[status].includes(to))
    const id = parseCertificateId(certificateId)
    await commit(call, { do: 'set-certificate-status', id, from, to, at: call.now })
    return {}
  },

  async DeleteCertificate({ certificateId, forceDelete = false }, call) {
    await commit(call, { do: 'delete-certificate', id: parseCertificateId(certificateId), force: forceDelete })
    return {}
  },
}

/**
 * What UpdateCertificate may turn each status into. A pair that is absent is refused with CertificateStateException; a
 * status may always be set to what it is (the operation is idempotent), except where it is not ours to set.
 */
export const CERTIFICATE_TRANSITIONS: Readonly<Record<CertificateStatus, readonly CertificateStatus[]>> = {
  PENDING_ACTIVATION: ['ACTIVE', 'INACTIVE', 'REVOKED'],
  ACTIVE: ['ACTIVE', 'INACTIVE', 'REVOKED'],
  INACTIVE: ['ACTIVE', 'INACTIVE', 'REVOKED'],
  REVOKED: ['REVOKED'],
  PENDING_TRANSFER: [],
}

const CERTIFICATE_STATUSES: readonly CertificateStatus[] = [
  'PENDING_ACTIVATION',
  'ACTIVE',
  'INACTIVE',
  'REVOKED',
  'PENDING_TRANSFER',
]

/** The statuses that a caller may ask for; the PENDING ones come from the service alone. */
const SETTABLE = ['ACTIVE', 'INACTIVE', 'REVOKED'] as const

function summaryOf(
  { id, status, mode, createdAt }: CertificateRecord,
  scope: Scope,
): {
  certificateArn: string
  certificateId: string
  status: CertificateRecord['status']
  certificateMode: CertificateRecord['mode']
  creationDate: Date
} {
  return {
    certificateArn: arnOf(scope, 'cert', id),
    certificateId: id,
    status,
    certificateMode: mode,
    creationDate: dateOf(createdAt),
  }
}
