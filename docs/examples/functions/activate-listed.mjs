/**
 * Just-in-time registration with an allow-list: activates certificates whose common name is listed, and binds them to
 * the policy "device"; revokes the others. Written for AWS Lambda; runs there and here as it is. Started by a topic rule
 *
 *   SELECT * FROM '$aws/events/certificates/registered/#'
 *
 * It may need to run more than once for one certificate: the event comes with each connection until it is decided.
 */
import { X509Certificate } from 'node:crypto'
import { AttachPolicyCommand, DescribeCertificateCommand, IoTClient, UpdateCertificateCommand } from '@aws-sdk/client-iot'

const LISTED = new Set(['meter-1', 'meter-2'])
const iot = new IoTClient({})

export const handler = async ({ certificateId }) => {
  const { certificateDescription } = await iot.send(new DescribeCertificateCommand({ certificateId }))
  const { certificateArn, certificatePem, status } = certificateDescription
  if (status !== 'PENDING_ACTIVATION') return { certificateId, status }
  const [, name] = /^CN=(.*)$/m.exec(new X509Certificate(certificatePem).subject) ?? []
  const newStatus = LISTED.has(name) ? 'ACTIVE' : 'REVOKED'
  if (newStatus === 'ACTIVE') await iot.send(new AttachPolicyCommand({ policyName: 'device', target: certificateArn }))
  await iot.send(new UpdateCertificateCommand({ certificateId, newStatus }))
  return { certificateId, status: newStatus }
}
