import type { CertificateStatus } from '@birthmark/cloud/registry'
import type { AttemptCauseCode } from './attempt.ts'

/** Why certificates of a status may not connect. */
export const STATUS_CAUSES: Readonly<Record<Exclude<CertificateStatus, 'ACTIVE'>, AttemptCauseCode>> = {
  INACTIVE: 'CERTIFICATE_INACTIVE',
  REVOKED: 'CERTIFICATE_REVOKED',
  PENDING_TRANSFER: 'CERTIFICATE_PENDING_TRANSFER',
  PENDING_ACTIVATION: 'CERTIFICATE_PENDING_ACTIVATION',
}
