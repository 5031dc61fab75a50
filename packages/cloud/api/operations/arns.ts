import { type CertificateId, certificateId, type Scope } from '@birthmark/cloud/registry'
import { AwsException, invalidRequest } from '../exceptions.ts'

/** What an ARN of AWS IoT can name here, by the word before its slash. */
export type ResourceType =
  | 'rule'
  | 'topic'
  | 'topicfilter'
  | 'cert'
  | 'cacert'
  | 'policy'
  | 'thing'
  | 'provisioningtemplate'
  | 'thingtype'
  | 'thinggroup'
  | 'billinggroup'
  | 'rolealias'
  | 'authorizer'

/** Writes the ARN of a resource (AWS IoT developer guide, identifiers). */
export function arnOf({ account, region }: Scope, type: ResourceType, name: string): string {
  return `arn:aws:iot:${region}:${account}:${type}/${name}`
}

/**
 * Reads the principal of a request, which must be a certificate of this account and region: identities of Amazon
 * Cognito
 * are not kept here.
 *
 * @throws `NotImplementedException`, `InvalidRequestException`, `ResourceNotFoundException`
 */
export function parseCertificateArn({ account, region }: Scope, arn: string): CertificateId {
  const [, givenRegion, givenAccount, type, name] = /^arn:aws[\w-]*:iot:([\w-]*):(\d*):(\w+)\/(.*)$/.exec(arn) ?? []
  if (/^[\w-]+:[0-9a-f-]{36}$/.test(arn)) {
    throw new AwsException(
      'NotImplementedException',
      'Amazon Cognito identities are not implemented; give the ARN of a certificate.',
    )
  }
  const id = type === 'cert' && name !== undefined ? certificateId(name) : undefined
  if (id === undefined) throw invalidRequest('The given ARN does not represent a cert')
  if (givenAccount !== account || givenRegion !== region) {
    throw new AwsException('ResourceNotFoundException', 'The certificate belongs to another account or region.')
  }
  return id
}

/**
 * Gives the name of a resource of this account and region from its ARN.
 *
 * @throws `InvalidRequestException`, `ResourceNotFoundException`
 */
export function nameOfArn({ account, region }: Scope, type: ResourceType, arn: string | undefined): string | undefined {
  if (arn === undefined) return undefined
  const [, givenRegion, givenAccount, givenType, name] =
    /^arn:aws[\w-]*:iot:([\w-]*):(\d*):(\w+)\/(.+)$/.exec(arn) ?? []
  if (givenType !== type || name === undefined) throw invalidRequest(`The given ARN does not represent a ${type}`)
  if (givenAccount === account && givenRegion === region) return name
  throw new AwsException('ResourceNotFoundException', `The ${type} belongs to another account or region.`)
}

/** Reads a certificate id; the model's pattern lets more pass than is one. @throws `InvalidRequestException` */
export function parseCertificateId(text: string): CertificateId {
  const id = certificateId(text)
  if (id === undefined) throw invalidRequest('The certificate id must be 64 hex digits.')
  return id
}
