import {
  CreateAuthorizerCommand,
  CreateCertificateProviderCommand,
  CreateDomainConfigurationCommand,
  CreateRoleAliasCommand,
  CreateTopicRuleCommand,
  DescribeAuthorizerCommand,
  DescribeCertificateProviderCommand,
  DescribeDomainConfigurationCommand,
  DescribeRoleAliasCommand,
  GetTopicRuleCommand,
  type IoTClient,
  ListCertificateProvidersCommand,
  paginateListAuthorizers,
  paginateListDomainConfigurations,
  paginateListRoleAliases,
  paginateListTopicRules,
  UpdateDomainConfigurationCommand,
} from '@aws-sdk/client-iot'
import { type Family, inputFrom, PAGE, sorted, tag, tagsOf } from './record.ts'

/** Role aliases. */
export const roleAliases: Family = {
  kind: 'role-alias',
  async *read(client) {
    for await (const { roleAliases: names = [] } of paginateListRoleAliases({ client, pageSize: PAGE }, {})) {
      for (const roleAlias of names) {
        const { roleAliasDescription } = await client.send(new DescribeRoleAliasCommand({ roleAlias }))
        const { roleArn, credentialDurationSeconds, roleAliasArn } = roleAliasDescription ?? {}
        yield [roleAlias, { roleArn, credentialDurationSeconds, ...(await tagsOf(client, roleAliasArn)) }]
      }
    }
  },
  async make(client, roleAlias, { tags, ...content }) {
    const input = inputFrom<ConstructorParameters<typeof CreateRoleAliasCommand>[0]>(content)
    const made = await client.send(new CreateRoleAliasCommand({ ...input, roleAlias }))
    await tag(client, made.roleAliasArn, { tags })
  },
}

/** Custom authorizers; their keys for tokens are public ones. */
export const authorizers: Family = {
  kind: 'authorizer',
  async *read(client) {
    for await (const { authorizers: found = [] } of paginateListAuthorizers({ client, pageSize: PAGE }, {})) {
      for (const { authorizerName = '' } of found) {
        const { authorizerDescription } = await client.send(new DescribeAuthorizerCommand({ authorizerName }))
        const {
          authorizerName: _,
          authorizerArn,
          creationDate: __,
          lastModifiedDate: ___,
          ...described
        } = authorizerDescription ?? {}
        yield [authorizerName, { ...sorted(described), ...(await tagsOf(client, authorizerArn)) }]
      }
    }
  },
  async make(client, authorizerName, { tags, ...content }) {
    const input = inputFrom<ConstructorParameters<typeof CreateAuthorizerCommand>[0]>(content)
    const made = await client.send(new CreateAuthorizerCommand({ ...input, authorizerName }))
    await tag(client, made.authorizerArn, { tags })
  },
}

/** Certificate providers. */
export const certificateProviders: Family = {
  kind: 'certificate-provider',
  async *read(client) {
    const { certificateProviders: found = [] } = await client.send(new ListCertificateProvidersCommand({}))
    for (const { certificateProviderName = '' } of found) {
      const { lambdaFunctionArn, accountDefaultForOperations, certificateProviderArn } = await client.send(
        new DescribeCertificateProviderCommand({ certificateProviderName }),
      )
      const tags = await tagsOf(client, certificateProviderArn)
      yield [certificateProviderName, { lambdaFunctionArn, accountDefaultForOperations, ...tags }]
    }
  },
  async make(client, certificateProviderName, { tags, ...content }) {
    const input = inputFrom<ConstructorParameters<typeof CreateCertificateProviderCommand>[0]>(content)
    const made = await client.send(new CreateCertificateProviderCommand({ ...input, certificateProviderName }))
    await tag(client, made.certificateProviderArn, { tags })
  },
}

/** Domain configurations, but for the one that every account has. */
export const domainConfigurations: Family = {
  kind: 'domain-configuration',
  async *read(client) {
    for await (const page of paginateListDomainConfigurations({ client, pageSize: PAGE }, {})) {
      for (const { domainConfigurationName = '' } of page.domainConfigurations ?? []) {
        const found = await client.send(new DescribeDomainConfigurationCommand({ domainConfigurationName }))
        if (found.domainType === 'AWS_MANAGED') continue
        const { authorizerConfig, tlsConfig, serverCertificateConfig, clientCertificateConfig } = found
        const { domainName, serviceType, authenticationType, applicationProtocol } = found
        const content = {
          domainName,
          serviceType,
          serverCertificateArns: found.serverCertificates?.map(({ serverCertificateArn }) => serverCertificateArn),
          authorizerConfig,
          tlsConfig,
          serverCertificateConfig,
          authenticationType,
          applicationProtocol,
          clientCertificateConfig,
          status: found.domainConfigurationStatus,
        }
        yield [domainConfigurationName, { ...content, ...(await tagsOf(client, found.domainConfigurationArn)) }]
      }
    }
  },
  async make(client, domainConfigurationName, { tags, status, ...content }) {
    const input = inputFrom<ConstructorParameters<typeof CreateDomainConfigurationCommand>[0]>(content)
    const made = await client.send(new CreateDomainConfigurationCommand({ ...input, domainConfigurationName }))
    if (status === 'DISABLED') await disable(client, domainConfigurationName)
    await tag(client, made.domainConfigurationArn, { tags })
  },
}

async function disable(client: IoTClient, domainConfigurationName: string): Promise<void> {
  const domainConfigurationStatus = 'DISABLED'
  await client.send(new UpdateDomainConfigurationCommand({ domainConfigurationName, domainConfigurationStatus }))
}

/** Topic rules. */
export const topicRules: Family = {
  kind: 'topic-rule',
  async *read(client) {
    for await (const { rules = [] } of paginateListTopicRules({ client, pageSize: PAGE }, {})) {
      for (const { ruleName = '' } of rules) {
        const { rule, ruleArn } = await client.send(new GetTopicRuleCommand({ ruleName }))
        const { ruleName: _, createdAt: __, ...topicRulePayload } = rule ?? {}
        yield [ruleName, { topicRulePayload: sorted(topicRulePayload), ...(await tagsOf(client, ruleArn)) }]
      }
    }
  },
  async make(client, ruleName, content) {
    const { tags, ...described } = content
    const input = inputFrom<ConstructorParameters<typeof CreateTopicRuleCommand>[0]>(described)
    await client.send(new CreateTopicRuleCommand({ ...input, ruleName }))
    if (tags === undefined) return
    const { ruleArn } = await client.send(new GetTopicRuleCommand({ ruleName }))
    await tag(client, ruleArn, { tags })
  },
}
