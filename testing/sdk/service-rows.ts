import { ABSENT, FUNCTION, INVALID, ROLE, row, type SdkRow, TAKEN } from './row.ts'

const AUTHORIZER = { authorizerName: 'auth' }
const NO_AUTHORIZER = { authorizerName: 'none' }
const DOMAIN = { domainConfigurationName: 'd' }
const NO_DOMAIN = { domainConfigurationName: 'none' }
const RULE = { ruleName: 'r' }
const NO_RULE = { ruleName: 'none' }
const topicRulePayload = { sql: "SELECT * FROM 'a'", actions: [{ lambda: { functionArn: FUNCTION } }] }
const level = { logTarget: { targetType: 'CLIENT_ID', targetName: 'c' }, logLevel: 'DEBUG' }

/** Authorizers, domain configurations, topic rules, logging. */
export const SERVICE_ROWS: readonly SdkRow[] = [
  row(
    'CreateAuthorizer',
    { ...AUTHORIZER, authorizerFunctionArn: FUNCTION, signingDisabled: true },
    [TAKEN, { ...AUTHORIZER, authorizerFunctionArn: FUNCTION, signingDisabled: true }],
    [INVALID, { ...NO_AUTHORIZER, authorizerFunctionArn: FUNCTION, status: 'ASLEEP' }],
  ),
  row('DescribeAuthorizer', AUTHORIZER, [ABSENT, NO_AUTHORIZER]),
  row('ListAuthorizers', {}, [INVALID, { pageSize: 0 }]),
  row('UpdateAuthorizer', { ...AUTHORIZER, status: 'ACTIVE' }, [ABSENT, NO_AUTHORIZER]),
  row('TestInvokeAuthorizer', AUTHORIZER, [ABSENT, NO_AUTHORIZER]),
  row('SetDefaultAuthorizer', AUTHORIZER, [ABSENT, NO_AUTHORIZER]),
  row('DescribeDefaultAuthorizer', {}),
  row('ClearDefaultAuthorizer', {}, [ABSENT, {}]),
  row('UpdateAuthorizer', { ...AUTHORIZER, status: 'INACTIVE' }),
  row('DeleteAuthorizer', AUTHORIZER, [ABSENT, NO_AUTHORIZER]),
  row(
    'CreateDomainConfiguration',
    { ...DOMAIN, domainName: 'iot.example.test' },
    [TAKEN, { ...DOMAIN, domainName: 'other.example.test' }],
    [INVALID, { ...NO_DOMAIN, domainName: 'a.example.test', tlsConfig: { securityPolicy: 'none' } }],
  ),
  row('DescribeDomainConfiguration', DOMAIN, [ABSENT, NO_DOMAIN]),
  row('ListDomainConfigurations', {}, [INVALID, { pageSize: 0 }]),
  row('UpdateDomainConfiguration', { ...DOMAIN, domainConfigurationStatus: 'DISABLED' }, [ABSENT, NO_DOMAIN]),
  row('DeleteDomainConfiguration', DOMAIN, [ABSENT, NO_DOMAIN], [INVALID, { domainConfigurationName: 'iot:Data-ATS' }]),
  row(
    'CreateTopicRule',
    { ...RULE, topicRulePayload, tags: 'site=north' },
    [TAKEN, { ...RULE, topicRulePayload }],
    ['SqlParseException', { ruleName: 'q', topicRulePayload: { ...topicRulePayload, sql: 'SELECT' } }],
  ),
  row('GetTopicRule', RULE, ['UnauthorizedException', NO_RULE]),
  row('ListTopicRules', {}, [INVALID, { maxResults: 0 }]),
  row('DisableTopicRule', RULE, ['UnauthorizedException', NO_RULE]),
  row('EnableTopicRule', RULE, ['UnauthorizedException', NO_RULE]),
  row('ReplaceTopicRule', { ...RULE, topicRulePayload }, ['UnauthorizedException', { ...NO_RULE, topicRulePayload }]),
  row('DeleteTopicRule', RULE, [INVALID, { ruleName: 'a b' }]),
  row('SetV2LoggingOptions', { roleArn: ROLE, defaultLogLevel: 'INFO' }, [INVALID, { defaultLogLevel: 'LOUD' }]),
  row('GetV2LoggingOptions', {}),
  row('SetV2LoggingLevel', level, [INVALID, { ...level, logLevel: 'LOUD' }]),
  row('ListV2LoggingLevels', {}, [INVALID, { maxResults: 0 }]),
  row('DeleteV2LoggingLevel', level.logTarget, [INVALID, { targetType: 'CLIENT_ID', targetName: '' }]),
  row('SetLoggingOptions', { loggingOptionsPayload: { roleArn: ROLE, logLevel: 'INFO' } }, [
    INVALID,
    { loggingOptionsPayload: { roleArn: ROLE, logLevel: 'LOUD' } },
  ]),
  row('GetLoggingOptions', {}),
]
