import { instant } from '@birthmark/foundation/kernel'
import type { Change } from '../changes.ts'
import { certificateRecord, idNumber, policyRecord, thingRecord } from './records.ts'

/** The policy that {@link deviceChanges} attaches; it must be there. */
export const DEVICE_POLICY: Change = { do: 'create-policy', policy: policyRecord('meter-policy') }

/** What one first connection commits: five changes that belong together. */
export function deviceChanges(n: number): readonly Change[] {
  const id = idNumber(n)
  const name = `meter-${n}`
  return [
    { do: 'register-certificate', certificate: certificateRecord(n, { status: 'PENDING_ACTIVATION', pem: PEM }) },
    { do: 'create-thing', thing: thingRecord(name, { attributes: { sn: String(n) } }) },
    { do: 'attach-policy', policyName: 'meter-policy', certificateId: id },
    { do: 'attach-thing-principal', thingName: name, certificateId: id, exclusive: false },
    {
      do: 'set-certificate-status',
      id,
      from: ['PENDING_ACTIVATION'],
      to: 'ACTIVE',
      at: instant(1_767_225_600_000),
    },
  ]
}

/** As long as the PEM of a P-256 certificate with a few extensions. */
const PEM = `-----BEGIN CERTIFICATE-----\n${`${'A'.repeat(64)}\n`.repeat(11)}-----END CERTIFICATE-----\n`
