import type { CaCertificateRecord, Scope } from '@birthmark/cloud/registry'
import { notFound } from '../exceptions.ts'
import type { Operations } from '../operation-types.ts'
import { arnOf, parseCertificateId } from './arns.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageRequest } from './pages.ts'
import { parseConfigChange } from './registration-config.ts'
import { dateOf } from './values.ts'

/** CA certificates that are registered already. */
export const caCertificateOperations: Partial<Operations> = {
  async DescribeCACertificate({ certificateId }, { registry }) {
    const record = await registry.caCertificate(parseCertificateId(certificateId))
    if (record === undefined) throw notFound(`The CA certificate does not exist (id=${certificateId})`)
    const certificateDescription = {
      ...summaryOf(record, registry.scope),
      certificatePem: record.pem,
      ownedBy: registry.scope.account,
      autoRegistrationStatus: record.autoRegistration ? ('ENABLE' as const) : ('DISABLE' as const),
      lastModifiedDate: dateOf(record.modifiedAt),
      customerVersion: record.customerVersion,
      generationId: record.generationId,
      validity: { notBefore: dateOf(record.notBefore), notAfter: dateOf(record.notAfter) },
      certificateMode: record.mode,
    }
    return { certificateDescription, registrationConfig: record.registrationConfig && { ...record.registrationConfig } }
  },

  /** With a template's name a page may hold fewer rows than asked for: one page of CAs is looked at. */
  async ListCACertificates({ templateName, ...input }, { registry }) {
    const page = await registry.caCertificates(pageRequest(input))
    const rows = page.rows.filter(
      (row) => templateName === undefined || row.registrationConfig?.templateName === templateName,
    )
    return { certificates: rows.map((row) => summaryOf(row, registry.scope)), nextMarker: nextToken(page) }
  },

  async UpdateCACertificate({ certificateId, newStatus, newAutoRegistrationStatus, ...change }, call) {
    const config = await parseConfigChange(change, call)
    await commit(call, {
      do: 'update-ca',
      id: parseCertificateId(certificateId),
      ...(newStatus === undefined ? {} : { status: newStatus }),
      ...(newAutoRegistrationStatus === undefined ? {} : { autoRegistration: newAutoRegistrationStatus === 'ENABLE' }),
      ...(config === undefined ? {} : { registrationConfig: config }),
      at: call.now,
    })
    return {}
  },

  async DeleteCACertificate({ certificateId }, call) {
    await commit(call, { do: 'delete-ca', id: parseCertificateId(certificateId) })
    return {}
  },
}

function summaryOf(
  { id, status, createdAt }: CaCertificateRecord,
  scope: Scope,
): { certificateArn: string; certificateId: string; status: CaCertificateRecord['status']; creationDate: Date } {
  return { certificateArn: arnOf(scope, 'cacert', id), certificateId: id, status, creationDate: dateOf(createdAt) }
}
