import { createServer } from 'node:http'
import { text as readAll } from 'node:stream/consumers'
import { CreateCertificateProviderCommand } from '@aws-sdk/client-iot'
import { formatName, parseCertificate, verifyCsr } from '@birthmark/foundation/x509'
import { callCloud, callOwnApi } from '../../cloud-client.ts'
import { demoFault } from '../faults.ts'
import { exchange } from './claim.ts'
import { newKey } from './file-device.ts'
import { makeClaim, makeTemplate } from './fleet-parts.ts'
import type { Way, WayContext } from './way.ts'

/** A certificate provider: a CA of the maker's own signs what devices ask for by claim. */
export const ownCa: Way = {
  summary: 'a certificate provider: a CA of your own, behind HTTP, signs what devices request by claim',
  async run(context) {
    const { client, cloud, say, vendor } = context
    await makeTemplate(context)
    const shared = await makeClaim(context)
    say('The CA of another company answers over HTTP; the account names it as its certificate provider.')
    const ca = await serveCa(context)
    try {
      const made = await callOwnApi(cloud.access, 'POST', '/v1/functions', { name: 'sign', url: ca.url })
      const { arn }: { readonly arn?: unknown } = { ...Object(made) }
      await callCloud(cloud.access, 'CreateCertificateProvider', () =>
        client.send(
          new CreateCertificateProviderCommand({
            certificateProviderName: 'own-ca',
            lambdaFunctionArn: String(arn),
            accountDefaultForOperations: ['CreateCertificateFromCsr'],
          }),
        ),
      )
      say('A device asks by claim: the certificate that it gets is from that CA.')
      const own = await newKey('meter-A1')
      const { identity, online } = await exchange(context, shared, 'A1', own)
      const issuer = formatName(parseCertificate(identity.certificate).issuer)
      if (issuer !== formatName(vendor.issuing.subject)) {
        throw demoFault('DEMO_WAY_WRONG', { what: `the certificate is from ${issuer}` })
      }
      return { online: [online], refused: [] }
    } finally {
      ca.close()
    }
  },
}

/** Answers as a function of AWS Lambda does; its key is the vendor's and stays there. */
async function serveCa({ vendor }: WayContext): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    void readAll(request).then(async (body) => {
      const { certificateSigningRequest }: { certificateSigningRequest?: unknown } = { ...Object(JSON.parse(body)) }
      const csr = verifyCsr(String(certificateSigningRequest)).der
      const { certificate } = await vendor.issue({ kind: 'device', csr })
      response.end(JSON.stringify({ certificatePem: parseCertificate(certificate).toPem() }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
