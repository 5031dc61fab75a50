import { IoTClient, ResourceNotFoundException, UpdateCertificateCommand } from '@aws-sdk/client-iot'
import type { CloseCertificate, ClosingChoice } from '@birthmark/device/agent'

/** Deactivates certificates with AWS's own client and the credentials that AWS's tools would take. */
export function controlPlaneCloser({
  url,
  region,
}: ClosingChoice & { readonly by: 'control-plane' }): CloseCertificate {
  const client = new IoTClient({ region, maxAttempts: 3, ...(url === undefined ? {} : { endpoint: url }) })
  return async (certificateId) => {
    try {
      await client.send(new UpdateCertificateCommand({ certificateId, newStatus: 'INACTIVE' }))
    } catch (error) {
      // What is gone is closed.
      if (!(error instanceof ResourceNotFoundException)) throw error
    }
  }
}
