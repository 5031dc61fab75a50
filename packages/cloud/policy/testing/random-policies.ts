/** Random policies and requests that meet often enough for both answers to occur. */
import fc from 'fast-check'

/** Topics that the policies speak about, and some that they do not. */
export const RANDOM_TOPICS: readonly string[] = [
  'dt/press-1/t',
  'dt/press-2/t',
  'dt/p*/t',
  'all/x',
  'all/xy',
  'north/x',
  'CN/press-1',
  'other',
]
/** Topic filters, some with wildcards. */
export const RANDOM_FILTERS: readonly string[] = ['dt/press-1/t', 'dt/+/t', 'dt/#', 'all/x', 'all/#', 'north/x', '#']
/** Client ids: two are names of things. */
export const RANDOM_CLIENT_IDS: readonly string[] = ['press-1', 'press-2', 'p*', 'stranger']

const THING = '${iot:Connection.Thing.ThingName}'

/**
 * Gives arbitrary policy documents for resources that begin with `arn` (`arn:aws:iot:REGION:ACCOUNT:`).
 *
 * @param choice.asksConnection Whether conditions ask what only a connection shows: its address, its will, its session.
 */
export function randomPolicy(
  arn: string,
  { asksConnection }: { readonly asksConnection: boolean },
): fc.Arbitrary<string> {
  return fc
    .record({
      Version: fc.constantFrom('2012-10-17', '2012-10-17', '2012-10-17', '2008-10-17'),
      Statement: fc.array(statement(arn, asksConnection), { minLength: 1, maxLength: 4 }),
    })
    .map((document) => JSON.stringify(document))
}

function statement(arn: string, asksConnection: boolean): fc.Arbitrary<object> {
  const some = (texts: readonly string[]): fc.Arbitrary<string[]> =>
    fc.array(fc.constantFrom(...texts), { minLength: 1, maxLength: 3 })
  return fc
    .record({
      Effect: fc.constantFrom('Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Allow', 'Deny'),
      actions: some(ACTIONS),
      isNotAction: oneIn(12),
      resources: some(RESOURCES.map((resource) => (resource === '*' ? resource : `${arn}${resource}`))),
      isNotResource: oneIn(12),
      condition: fc.option(condition(arn, asksConnection), { freq: 2, nil: undefined }),
    })
    .map(({ Effect, actions, isNotAction, resources, isNotResource, condition: Condition }) => ({
      Effect,
      [isNotAction ? 'NotAction' : 'Action']: actions,
      [isNotResource ? 'NotResource' : 'Resource']: resources,
      ...(Condition === undefined ? {} : { Condition }),
    }))
}

function oneIn(count: number): fc.Arbitrary<boolean> {
  return fc.integer({ min: 1, max: count }).map((n) => n === 1)
}

function condition(arn: string, asksConnection: boolean): fc.Arbitrary<object> {
  const ofConnection: readonly object[] = [
    { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
    { NotIpAddress: { 'aws:SourceIp': ['127.0.0.1', '10.0.0.0/8'] } },
    { 'ForAnyValue:StringEquals': { 'iot:ConnectAttributes': ['PersistentConnect'] } },
    { 'ForAllValues:StringEquals': { 'iot:ConnectAttributes': ['LastWill'] } },
    { ArnEquals: { 'iot:LastWillTopic': `${arn}topic/all/x` } },
    { Null: { 'iot:LastWillTopic': 'true' } },
  ]
  return fc.constantFrom<object>(
    { Bool: { 'iot:Connection.Thing.IsAttached': 'true' } },
    { Bool: { 'iot:Connection.Thing.IsAttached': 'false' } },
    { StringEquals: { 'iot:Connection.Thing.Attributes[site]': ['north', 'south'] } },
    { StringNotEquals: { 'iot:Connection.Thing.Attributes[site]': 'north' } },
    { StringLike: { 'iot:ClientId': 'press-?' } },
    { StringNotLike: { 'iot:ClientId': `${THING}*` } },
    { StringEqualsIfExists: { 'iot:Connection.Thing.ThingTypeName': 'press' } },
    { StringEquals: { 'iot:Certificate.Subject.CommonName': '${iot:ClientId}' } },
    ...(asksConnection ? ofConnection : []),
  )
}

const ACTIONS: readonly string[] = [
  'iot:Connect',
  'iot:Connect',
  'iot:Publish',
  'iot:Publish',
  'iot:Subscribe',
  'iot:Receive',
  'iot:*',
  '*',
  'iot:?ublish',
  'IOT:CONNECT',
  'iot:RetainPublish',
]

const RESOURCES: readonly string[] = [
  '*',
  'client/press-?',
  'client/*',
  `client/${THING}`,
  'client/${iot:ClientId}',
  'topic/*',
  'topic/all/?',
  'topic/all/*',
  `topic/dt/${THING}/*`,
  'topic/dt/${iot:ClientId}/t',
  'topic/${iot:Connection.Thing.Attributes[site]}/x',
  'topic/CN/${iot:Certificate.Subject.CommonName}',
  'topic/${iot:Certificate.Subject.Title}/x',
  'topic/dt/$(*)/t',
  'topicfilter/*',
  'topicfilter/all/#',
  `topicfilter/dt/${THING}/*`,
  'topicfilter/dt/+/t',
  'topicfilter/dt/*',
]
