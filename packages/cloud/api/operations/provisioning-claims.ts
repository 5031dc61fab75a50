import { createPublicKey } from 'node:crypto'
import { fleetCrypto } from '@birthmark/cloud/provisioning/adapters'
import type { CertificateRecord, Scope } from '@birthmark/cloud/registry'
import { later, seconds } from '@birthmark/foundation/kernel'
import { parseCertificate } from '@birthmark/foundation/x509'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { commit } from './conflicts.ts'
import { idOf } from './register-certificate.ts'
import { newUuid } from './values.ts'

/** Fleet provisioning by a trusted user: a certificate with which one device may ask for its own, for five minutes. */
export const provisioningClaimOperations: Partial<Operations> = {
  async CreateProvisioningClaim({ templateName }, call) {
    const { registry, entropy, now } = call
    const template = await registry.template(templateName)
    if (template === undefined) throw notFound(`The provisioning template does not exist (name=${templateName})`)
    if (template.type !== 'FLEET_PROVISIONING') throw invalidRequest('Claims are for templates of fleet provisioning.')
    if (!template.enabled) throw invalidRequest(`The provisioning template is not enabled (name=${templateName})`)
    const { csr, privateKeyPem } = await fleetCrypto.newKey()
    const PublicKey = createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString()
    const provided = await call.certificateProvider.issue(csr, 'device')
    const certificate = parseCertificate(provided.certificate)
    const expiresAt = later(now, CLAIM_LIFETIME)
    const record: CertificateRecord = {
      id: idOf(certificate),
      pem: certificate.toPem(),
      status: 'ACTIVE',
      mode: 'DEFAULT',
      caId: undefined,
      notBefore: certificate.notBefore,
      // The front judges by the record: nobody connects with the claim after that, whoever signed it.
      notAfter: expiresAt,
      createdAt: now,
      modifiedAt: now,
      customerVersion: 1,
      generationId: newUuid(entropy),
    }
    const policyDocument = claimPolicy(registry.scope, templateName)
    const claim = { certificateId: record.id, templateName, policyDocument, expiresAt }
    await commit(call, { do: 'register-certificate', certificate: record }, { do: 'create-claim', claim })
    return {
      certificateId: record.id,
      certificatePem: record.pem,
      keyPair: { PublicKey, PrivateKey: privateKeyPem },
      expiration: new Date(expiresAt),
    }
  },
}

/** What a claim may do: nothing but have one template provision its device. */
function claimPolicy(scope: Scope, templateName: string): string {
  const topics = [
    '$aws/certificates/create/*',
    '$aws/certificates/create-from-csr/*',
    `$aws/provisioning-templates/${templateName}/provision/*`,
  ]
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' },
      {
        Effect: 'Allow',
        Action: ['iot:Publish', 'iot:Receive'],
        Resource: topics.map((topic) => arnOf(scope, 'topic', topic)),
      },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: topics.map((topic) => arnOf(scope, 'topicfilter', topic)) },
    ],
  })
}

/** How long a claim lasts (AWS IoT API, CreateProvisioningClaim: five minutes). */
const CLAIM_LIFETIME = seconds(300)
