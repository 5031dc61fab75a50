import type { CreateCertificateProviderCommandInput } from '@aws-sdk/client-iot'
import { CERTIFICATE_PROVIDERS_MAX } from '../limits.ts'
import type { Call, Operations } from '../operation-types.ts'
import { nextToken, pageRequest } from './pages.ts'
import { StoredFamily } from './stored-family.ts'
import { dateOf } from './values.ts'

interface ProviderContent {
  readonly lambdaFunctionArn: string
  readonly accountDefaultForOperations: NonNullable<
    CreateCertificateProviderCommandInput['accountDefaultForOperations']
  >
  /** Marks the request that made it: the SDKs repeat a request with the same one. */
  readonly clientToken?: string
}

const providers = new StoredFamily<ProviderContent>({
  kind: 'certificate-provider',
  title: 'Certificate provider',
  max: CERTIFICATE_PROVIDERS_MAX,
  arn: arnOfProvider,
})

/**
 * Functions that sign certificates instead of the authority beside the server, in fleet provisioning by CSR (AWS IoT
 * developer guide, self-managed certificate signing). The operations of the control plane keep theirs.
 */
export const certificateProviderOperations: Partial<Operations> = {
  async CreateCertificateProvider({ certificateProviderName: name, ...input }, call) {
    const { lambdaFunctionArn, accountDefaultForOperations, clientToken } = input
    const existing = clientToken === undefined ? undefined : await providers.find(name, call)
    if (existing !== undefined && existing.content.clientToken === clientToken) return namesOf(name, call)
    const marked = clientToken === undefined ? {} : { clientToken }
    await providers.create(name, { lambdaFunctionArn, accountDefaultForOperations, ...marked }, call, input.tags)
    return namesOf(name, call)
  },

  async DescribeCertificateProvider({ certificateProviderName: name }, call) {
    const { content, createdAt, modifiedAt } = await providers.require(name, call)
    const dates = { creationDate: dateOf(createdAt), lastModifiedDate: dateOf(modifiedAt) }
    return { ...namesOf(name, call), ...content, ...dates }
  },

  async UpdateCertificateProvider({ certificateProviderName: name, ...revision }, call) {
    await providers.update(name, call, (content) => ({
      ...content,
      lambdaFunctionArn: revision.lambdaFunctionArn ?? content.lambdaFunctionArn,
      accountDefaultForOperations: revision.accountDefaultForOperations ?? content.accountDefaultForOperations,
    }))
    return namesOf(name, call)
  },

  async DeleteCertificateProvider({ certificateProviderName: name }, call) {
    await providers.remove(name, call)
    return {}
  },

  async ListCertificateProviders({ nextToken: token, ascendingOrder }, call) {
    const page = await providers.list(pageRequest({ nextToken: token, ascendingOrder }), call)
    return { certificateProviders: page.rows.map(({ name }) => namesOf(name, call)), nextToken: nextToken(page) }
  },
}

function namesOf(name: string, call: Call): { certificateProviderName: string; certificateProviderArn: string } {
  return { certificateProviderName: name, certificateProviderArn: arnOfProvider(name, call) }
}

/** Written with a colon, as in the example of AWS's own command reference. */
function arnOfProvider(name: string, { registry }: Call): string {
  const { account, region } = registry.scope
  return `arn:aws:iot:${region}:${account}:certificateprovider:${name}`
}
