import { ABSENT, answered, INVALID, LONG, row, type SdkRow, type SdkWorld, STALE, TAKEN } from './row.ts'

const certificate = (world: SdkWorld): string => answered(world, 'CreateKeysAndCertificate', 'certificateArn')
const device = { thingName: 'press-7' }
const nobody = { thingName: 'nobody' }
const GROUP = { thingGroupName: 'hall' }
const NO_GROUP = { thingGroupName: 'none' }
const BILL = { billingGroupName: 'bill' }
const NO_BILL = { billingGroupName: 'none' }
const group = (world: SdkWorld): string => answered(world, 'CreateThingGroup', 'thingGroupArn')

/** Things, types, groups, principals, the index. */
export const THING_ROWS: readonly SdkRow[] = [
  row(
    'CreateThingType',
    { thingTypeName: 'meter' },
    [INVALID, { thingTypeName: 'a b' }],
    [TAKEN, { thingTypeName: 'meter', thingTypeProperties: { searchableAttributes: ['a'] } }],
  ),
  row('DescribeThingType', { thingTypeName: 'meter' }, [ABSENT, { thingTypeName: 'none' }]),
  row('ListThingTypes', {}, [INVALID, { maxResults: 0 }]),
  row('UpdateThingType', { thingTypeName: 'meter', thingTypeProperties: { searchableAttributes: ['sn'] } }, [
    ABSENT,
    { thingTypeName: 'none' },
  ]),
  row(
    'CreateBillingGroup',
    BILL,
    [INVALID, { billingGroupName: 'a b' }],
    [TAKEN, { ...BILL, billingGroupProperties: { billingGroupDescription: 'another' } }],
  ),
  row('DescribeBillingGroup', BILL, [ABSENT, NO_BILL]),
  row('ListBillingGroups', {}, [INVALID, { maxResults: 0 }]),
  row(
    'UpdateBillingGroup',
    { ...BILL, billingGroupProperties: {}, expectedVersion: 1 },
    [STALE, { ...BILL, billingGroupProperties: {}, expectedVersion: 9 }],
    [ABSENT, { ...NO_BILL, billingGroupProperties: {} }],
  ),
  row(
    'CreateThing',
    { ...device, thingTypeName: 'meter', attributePayload: { attributes: { sn: '7' } } },
    [TAKEN, { ...device, attributePayload: { attributes: { sn: '8' } } }],
    [INVALID, { thingName: LONG }],
    [ABSENT, { thingName: 'b', thingTypeName: 'none' }],
  ),
  row('DescribeThing', device, [ABSENT, nobody], [INVALID, { thingName: 'a b' }]),
  row(
    'ListThings',
    { attributeName: 'sn', attributeValue: '7' },
    [INVALID, { maxResults: 251 }],
    [INVALID, { nextToken: 'no token' }],
  ),
  row(
    'UpdateThing',
    { ...device, attributePayload: { attributes: { site: 'n' }, merge: true }, expectedVersion: 1 },
    [STALE, { ...device, expectedVersion: 99 }],
    [ABSENT, nobody],
    [INVALID, { ...device, thingTypeName: 'meter', removeThingType: true }],
  ),
  row(
    'CreateThingGroup',
    GROUP,
    [INVALID, { thingGroupName: 'a b' }],
    [INVALID, { thingGroupName: 'low', parentGroupName: 'none' }],
    [TAKEN, { ...GROUP, thingGroupProperties: { thingGroupDescription: 'another' } }],
  ),
  row('DescribeThingGroup', GROUP, [ABSENT, NO_GROUP]),
  row('ListThingGroups', { recursive: true }, [INVALID, { maxResults: 0 }]),
  row(
    'UpdateThingGroup',
    { ...GROUP, thingGroupProperties: {}, expectedVersion: 1 },
    [STALE, { ...GROUP, thingGroupProperties: {}, expectedVersion: 99 }],
    [ABSENT, { ...NO_GROUP, thingGroupProperties: {} }],
  ),
  row('AddThingToThingGroup', { ...GROUP, ...device }, [ABSENT, { ...GROUP, ...nobody }]),
  row('ListThingsInThingGroup', GROUP, [ABSENT, NO_GROUP]),
  row('ListThingGroupsForThing', device, [ABSENT, nobody]),
  row('UpdateThingGroupsForThing', { ...device, thingGroupsToAdd: ['hall'] }, [
    ABSENT,
    { ...device, thingGroupsToAdd: ['none'] },
  ]),
  row('AddThingToBillingGroup', { ...BILL, ...device }, [ABSENT, { ...BILL, ...nobody }]),
  row('ListThingsInBillingGroup', BILL, [ABSENT, NO_BILL]),
  row('RemoveThingFromBillingGroup', { ...BILL, ...device }, [ABSENT, { ...BILL, ...nobody }]),
  row('DeleteBillingGroup', { ...BILL, expectedVersion: 2 }, [STALE, { ...BILL, expectedVersion: 9 }]),
  row(
    'AttachThingPrincipal',
    (w: SdkWorld) => ({ ...device, principal: certificate(w) }),
    [ABSENT, (w: SdkWorld) => ({ ...nobody, principal: certificate(w) })],
    [INVALID, { ...device, principal: 'nobody' }],
  ),
  row('ListThingPrincipals', device, [ABSENT, nobody]),
  row('ListThingPrincipalsV2', device, [ABSENT, nobody]),
  row('ListPrincipalThings', (w: SdkWorld) => ({ principal: certificate(w) }), [INVALID, { principal: 'nobody' }]),
  row('ListPrincipalThingsV2', (w: SdkWorld) => ({ principal: certificate(w) }), [INVALID, { principal: 'nobody' }]),
  row('DetachThingPrincipal', (w: SdkWorld) => ({ ...device, principal: certificate(w) }), [
    ABSENT,
    (w: SdkWorld) => ({ ...nobody, principal: certificate(w) }),
  ]),
  ...indexRows(),
  row(
    'TagResource',
    (w: SdkWorld) => ({ resourceArn: group(w), tags: [{ Key: 'a', Value: 'b' }] }),
    [INVALID, (w: SdkWorld) => ({ resourceArn: group(w), tags: [{ Key: 'aws:a', Value: 'b' }] })],
    [ABSENT, (w: SdkWorld) => ({ resourceArn: `${group(w)}x`, tags: [{ Key: 'a', Value: 'b' }] })],
  ),
  row('ListTagsForResource', (w: SdkWorld) => ({ resourceArn: group(w) }), [INVALID, { resourceArn: 'arn' }]),
  row('UntagResource', (w: SdkWorld) => ({ resourceArn: group(w), tagKeys: ['a'] }), [
    INVALID,
    { resourceArn: 'arn', tagKeys: ['a'] },
  ]),
  row('RemoveThingFromThingGroup', { ...GROUP, ...device }, [ABSENT, { ...GROUP, ...nobody }]),
  row('DeleteThingGroup', GROUP, [STALE, { ...GROUP, expectedVersion: 99 }]),
  row('DeprecateThingType', { thingTypeName: 'meter' }, [ABSENT, { thingTypeName: 'none' }]),
  row('DeleteThingType', deletableType, [ABSENT, { thingTypeName: 'none' }], [INVALID, { thingTypeName: 'meter' }]),
  row('UpdateEventConfigurations', { eventConfigurations: { THING: { Enabled: true } } }),
  row('DescribeEventConfigurations', {}),
  row('DeleteThing', device, [STALE, { ...device, expectedVersion: 99 }], [INVALID, { thingName: 'a b' }]),
]

/** A type can be deleted five minutes after it was deprecated, so the one that is deleted is made old by the test. */
function deletableType(): object {
  return { thingTypeName: OLD_TYPE }
}

/** The name of a type that was deprecated long ago. */
export const OLD_TYPE = 'old-type'

function indexRows(): readonly SdkRow[] {
  const query = { queryString: 'thingName:*' }
  const off: readonly [string, object] = [ABSENT, { ...query, indexName: 'AWS_Nothing' }]
  const bad: readonly [string, object] = ['InvalidQueryException', { queryString: '((' }]
  return [
    row('UpdateIndexingConfiguration', { thingIndexingConfiguration: { thingIndexingMode: 'REGISTRY' } }, [
      INVALID,
      { thingIndexingConfiguration: { thingIndexingMode: 'SOMETIMES' } },
    ]),
    row('GetIndexingConfiguration', {}),
    row('DescribeIndex', { indexName: 'AWS_Things' }, [ABSENT, { indexName: 'AWS_Nothing' }]),
    row('ListIndices', {}, [INVALID, { maxResults: 0 }]),
    row('SearchIndex', query, off, bad),
    row('GetStatistics', { ...query, aggregationField: 'registry.version' }, off, bad),
    row('GetCardinality', { ...query, aggregationField: 'registry.version' }, off, bad),
    row('GetPercentiles', { ...query, aggregationField: 'registry.version' }, off, [
      'InvalidAggregationException',
      query,
    ]),
    row('GetBucketsAggregation', {
      ...query,
      aggregationField: 'registry.version',
      bucketsAggregationType: { termsAggregation: { maxBuckets: 2 } },
    }),
    row('CreateDynamicThingGroup', { thingGroupName: 'every', queryString: 'thingName:press*' }, [
      'InvalidQueryException',
      { thingGroupName: 'worse', queryString: '((' },
    ]),
    row(
      'UpdateDynamicThingGroup',
      { thingGroupName: 'every', thingGroupProperties: {} },
      [STALE, { thingGroupName: 'every', thingGroupProperties: {}, expectedVersion: 99 }],
      [ABSENT, { ...NO_GROUP, thingGroupProperties: {} }],
    ),
    row('DeleteDynamicThingGroup', { thingGroupName: 'every' }, [
      STALE,
      { thingGroupName: 'every', expectedVersion: 99 },
    ]),
    row('GetThingConnectivityData', device, [ABSENT, nobody]),
  ]
}
