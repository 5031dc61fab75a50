import type { CreateDomainConfigurationCommandInput, DomainConfigurationStatus } from '@aws-sdk/client-iot'
import { isSecurityPolicy, OLD_SECURITY_POLICIES, SECURITY_POLICIES } from '@birthmark/cloud/front'
import type { ScopedRegistry } from '@birthmark/cloud/registry'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import { DOMAIN_CONFIGURATIONS_MAX } from '../limits.ts'
import type { Call, Input, Operations } from '../operation-types.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { StoredFamily, type StoredRecord } from './stored-family.ts'
import { newUuid } from './values.ts'

type Given = Omit<CreateDomainConfigurationCommandInput, 'domainConfigurationName' | 'tags'>

/** A domain configuration as the listeners find it, under the kind `domain-configuration`. */
interface Domain extends Omit<Given, 'serverCertificateArns'> {
  readonly serverCertificateArns: readonly string[]
  readonly serviceType: NonNullable<Given['serviceType']>
  readonly status: DomainConfigurationStatus
  /** Milliseconds. */
  readonly statusChangedAt: number
  /** Last part of the ARN. */
  readonly suffix: string
}

const domains = new StoredFamily<Domain>({
  kind: 'domain-configuration',
  title: 'Domain configuration',
  max: DOMAIN_CONFIGURATIONS_MAX,
  arn: (name, call) => arnOfDomain(name, '', call),
  // A server name must lead to one account (AWS IoT API, CreateDomainConfiguration).
  unique: { keyOf: ({ domainName = '' }) => domainName, refusal: takenDomain },
})

/** Names under which devices find their account, and the TLS that is spoken there. */
export const domainConfigurationOperations: Partial<Operations> = {
  async CreateDomainConfiguration({ domainConfigurationName: name, tags, ...given }, call) {
    if (given.domainName === undefined) {
      throw new AwsException(
        'NotImplementedException',
        'Domain names that the service makes are not implemented: give domainName.',
      )
    }
    requireSecurityPolicy(given.tlsConfig?.securityPolicy)
    const content: Domain = {
      ...given,
      domainName: given.domainName.toLowerCase(),
      serverCertificateArns: given.serverCertificateArns ?? [],
      serviceType: given.serviceType ?? 'DATA',
      status: 'ENABLED',
      statusChangedAt: call.now,
      suffix: newUuid(call.entropy).slice(0, 5),
    }
    await domains.create(name, content, call, tags)
    return namesOf(name, content, call)
  },

  async DescribeDomainConfiguration({ domainConfigurationName: name }, call) {
    if (name === MANAGED_NAME) return { ...managedDomain(call), domainType: 'AWS_MANAGED' }
    return describe(await domains.require(name, call), call)
  },

  async ListDomainConfigurations({ serviceType, ...input }, call) {
    const page = await domains.list({ limit: DOMAIN_CONFIGURATIONS_MAX }, call)
    const rows = page.rows.map(({ name, content }) => ({ ...namesOf(name, content, call), ...serviceOf(content) }))
    const { domainConfigurationStatus: _, domainName: __, ...managed } = managedDomain(call)
    const fitting = [managed, ...rows].filter((row) => serviceType === undefined || row.serviceType === serviceType)
    const shown = pageOf(fitting, (row) => row.domainConfigurationName, pageRequest(input))
    return { domainConfigurations: [...shown.rows], nextMarker: nextToken(shown) }
  },

  async UpdateDomainConfiguration({ domainConfigurationName: name, ...revision }, call) {
    if (name === MANAGED_NAME) throw managedStays('changed')
    requireSecurityPolicy(revision.tlsConfig?.securityPolicy)
    await domains.update(name, call, (content) => revised(content, revision, call))
    return namesOf(name, (await domains.require(name, call)).content, call)
  },

  async DeleteDomainConfiguration({ domainConfigurationName: name }, call) {
    if (name === MANAGED_NAME) throw managedStays('deleted')
    const { content } = await domains.require(name, call)
    if (content.status === 'ENABLED') {
      throw invalidRequest(`The domain configuration must be DISABLED before it is deleted (name=${name})`)
    }
    await domains.remove(name, call)
    return {}
  },
}

/** What a domain configuration asks of the listeners. */
export interface EnabledDomain {
  readonly configurationName: string
  /** Lower case; what clients send as SNI. */
  readonly domainName: string
  /** One of AWS's names, without TLS 1.0 and 1.1; the server's own when absent. */
  readonly securityPolicy: string | undefined
  /** The certificate to show, by its ARN, as the account named it; the server's own when empty. */
  readonly serverCertificateArns: readonly string[]
}

/**
 * Gives the domain configurations of an account and region that are ENABLED, for its listeners. They change by the
 * changes `create-document`, `replace-document` and `delete-document` of the kind `domain-configuration`.
 */
export async function enabledDomains(registry: ScopedRegistry): Promise<readonly EnabledDomain[]> {
  const page = await domains.list({ limit: DOMAIN_CONFIGURATIONS_MAX }, { registry })
  return page.rows.flatMap(({ name, content: { domainName = '', status, tlsConfig, serverCertificateArns } }) =>
    status === 'ENABLED'
      ? [{ configurationName: name, domainName, securityPolicy: tlsConfig?.securityPolicy, serverCertificateArns }]
      : [],
  )
}

function revised(
  content: Domain,
  revision: Omit<Input<'UpdateDomainConfiguration'>, 'domainConfigurationName'>,
  call: Call,
): Domain {
  const { removeAuthorizerConfig, domainConfigurationStatus, ...members } = revision
  if (removeAuthorizerConfig === true && members.authorizerConfig !== undefined) {
    throw invalidRequest('authorizerConfig and removeAuthorizerConfig exclude each other.')
  }
  const given = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
  const { authorizerConfig, ...rest } = { ...content, ...given }
  const status = domainConfigurationStatus ?? content.status
  return {
    ...rest,
    ...(removeAuthorizerConfig === true || authorizerConfig === undefined ? {} : { authorizerConfig }),
    status,
    statusChangedAt: status === content.status ? content.statusChangedAt : call.now,
  }
}

/** @throws `InvalidRequestException` for a name that AWS does not have, `NotImplementedException` for TLS 1.0 */
function requireSecurityPolicy(name: string | undefined): void {
  if (name === undefined || isSecurityPolicy(name)) return
  if (OLD_SECURITY_POLICIES.includes(name)) {
    throw new AwsException('NotImplementedException', `${name} allows TLS 1.0, which is not spoken here.`)
  }
  throw invalidRequest(`${name} is not a security policy: it must be one of ${SECURITY_POLICIES.join(', ')}.`)
}

/** Whose a domain name is is told to its own account only. */
async function takenDomain(domainName: string, call: Call): Promise<AwsException> {
  const [holder] = (await domains.list({ limit: 1 }, call, (content) => content.domainName === domainName)).rows
  const whose = holder === undefined ? 'another account or region' : `the domain configuration ${holder.name}`
  return new AwsException(
    'ResourceAlreadyExistsException',
    `The domain name ${domainName} belongs to ${whose}`,
    holder && { resourceId: holder.name, resourceArn: arnOfDomain(holder.name, holder.content.suffix, call) },
  )
}

function describe({ name, content }: StoredRecord<Domain>, call: Call): Described {
  return {
    ...namesOf(name, content, call),
    ...serviceOf(content),
    domainName: content.domainName,
    serverCertificates: content.serverCertificateArns.map((serverCertificateArn) => ({
      serverCertificateArn,
      serverCertificateStatus: 'VALID' as const,
    })),
    authorizerConfig: content.authorizerConfig,
    domainConfigurationStatus: content.status,
    domainType: 'CUSTOMER_MANAGED',
    lastStatusChangeDate: new Date(content.statusChangedAt),
    tlsConfig: content.tlsConfig,
    serverCertificateConfig: content.serverCertificateConfig,
    authenticationType: content.authenticationType,
    applicationProtocol: content.applicationProtocol,
    clientCertificateConfig: content.clientCertificateConfig,
  }
}

type Described = Awaited<ReturnType<Operations['DescribeDomainConfiguration']>>

interface DomainNames {
  domainConfigurationName: string
  domainConfigurationArn: string
}

function namesOf(name: string, { suffix }: Domain, call: Call): DomainNames {
  return { domainConfigurationName: name, domainConfigurationArn: arnOfDomain(name, suffix, call) }
}

function serviceOf({ serviceType }: Domain): { serviceType: Domain['serviceType'] } {
  return { serviceType }
}

/** The endpoint that every account has (AWS IoT developer guide, configurable endpoints). */
function managedDomain(call: Call): DomainNames & {
  domainName: string
  serviceType: 'DATA'
  domainConfigurationStatus: 'ENABLED'
} {
  const domainName = call.endpointAddress(call.registry.scope)
  if (domainName === undefined) throw notFound('This account has no endpoint in this region.')
  return {
    domainConfigurationName: MANAGED_NAME,
    domainConfigurationArn: arnOfDomain(MANAGED_NAME, '', call),
    domainName,
    serviceType: 'DATA',
    domainConfigurationStatus: 'ENABLED',
  }
}

function managedStays(what: string): AwsException {
  return invalidRequest(`The domain configuration ${MANAGED_NAME} cannot be ${what}: it is the server's own.`)
}

function arnOfDomain(name: string, suffix: string, { registry }: Call): string {
  const { account, region } = registry.scope
  return `arn:aws:iot:${region}:${account}:domainconfiguration/${name}${suffix === '' ? '' : `/${suffix}`}`
}

const MANAGED_NAME = 'iot:Data-ATS'
