/**
 * Just-in-time registration with a revocation list: revokes certificates whose serial number the list has, and activates
 * the others, bound to the policy "device". The list is one serial number in hex per line, as
 *
 *   openssl crl -in issuing.crl -noout -text | sed -n 's/ *Serial Number: //p'
 *
 * writes it; its address is in REVOKED_SERIALS_URL below.
 */
import { X509Certificate } from 'node:crypto'
import { AttachPolicyCommand, DescribeCertificateCommand, IoTClient, UpdateCertificateCommand } from '@aws-sdk/client-iot'

const REVOKED_SERIALS_URL = 'http://127.0.0.1:8088/revoked.txt'
const iot = new IoTClient({})

export const handler = async ({ certificateId }) => {
  const { certificateDescription } = await iot.send(new DescribeCertificateCommand({ certificateId }))
  const { certificateArn, certificatePem, status } = certificateDescription
  if (status !== 'PENDING_ACTIVATION') return { certificateId, status }
  const answer = await fetch(REVOKED_SERIALS_URL)
  // Without the list nobody is let in: the device connects again, and the event comes again.
  if (!answer.ok) throw new Error(`the revocation list answers with status ${answer.status}`)
  const revoked = new Set((await answer.text()).toUpperCase().split(/\s+/))
  const newStatus = revoked.has(new X509Certificate(certificatePem).serialNumber) ? 'REVOKED' : 'ACTIVE'
  if (newStatus === 'ACTIVE') await iot.send(new AttachPolicyCommand({ policyName: 'device', target: certificateArn }))
  await iot.send(new UpdateCertificateCommand({ certificateId, newStatus }))
  return { certificateId, status: newStatus }
}
