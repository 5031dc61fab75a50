import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadOperations, type Service } from './model.ts'
import { createRouter } from './router.ts'
import { parseTarget } from './target.ts'

const router = createRouter(loadOperations())

const FOUND: readonly (readonly [
  why: string,
  method: string,
  path: string,
  service: Service,
  operation: string,
  labels: object,
])[] = [
  ['a label', 'GET', '/things/press-7', 'iot', 'DescribeThing', { thingName: 'press-7' }],
  ['a slash at the end', 'GET', '/things/press-7/', 'iot', 'DescribeThing', { thingName: 'press-7' }],
  ['the collection, not an empty label', 'GET', '/things/', 'iot', 'ListThings', {}],
  [
    'an encoded slash inside a label',
    'POST',
    '/attached-policies/arn%3Aaws%3Aiot%3A%3A%3Acert%2Fab',
    'iot',
    'ListAttachedPolicies',
    { target: 'arn:aws:iot:::cert/ab' },
  ],
  ['a literal before a label', 'PUT', '/thing-groups/addThingToThingGroup', 'iot', 'AddThingToThingGroup', {}],
  [
    'a literal before a label, other service',
    'PUT',
    '/things/t/jobs/$next',
    'iot-jobs-data',
    'StartNextPendingJobExecution',
    { thingName: 't' },
  ],
  [
    'the rest of the path',
    'GET',
    '/destinations/arn:aws/a%20b/c',
    'iot',
    'GetTopicRuleDestination',
    { arn: 'arn:aws/a b/c' },
  ],
  ['a slash that old clients send', 'GET', '/authorizers/', 'iot', 'ListAuthorizers', {}],
  [
    'one route of two services, by the first',
    'GET',
    '/things/t/jobs/j',
    'iot',
    'DescribeJobExecution',
    { jobId: 'j', thingName: 't' },
  ],
  [
    'one route of two services, by the second',
    'GET',
    '/things/t/jobs',
    'iot-jobs-data',
    'GetPendingJobExecutions',
    { thingName: 't' },
  ],
  [
    'a route of another service than the signed one',
    'GET',
    '/things/t/shadow',
    'iot',
    'GetThingShadow',
    { thingName: 't' },
  ],
  ['names of object members', 'GET', '/things/constructor', 'iot', 'DescribeThing', { thingName: 'constructor' }],
]

for (const [why, method, path, service, operation, labels] of FOUND) {
  test(`finds ${operation}: ${why}`, () => {
    const route = router.match(method, path, service)
    assert.deepEqual([route?.operation.name, route?.labels], [operation, labels])
  })
}

test('the signed service decides between operations of one name', () => {
  const services = (['iot', 'iot-jobs-data'] as const).map(
    (service) => router.match('GET', '/things/t/jobs/j', service)?.operation.service,
  )
  assert.deepEqual(services, ['iot', 'iot-jobs-data'])
})

const NOT_FOUND: readonly (readonly [why: string, method: string, path: string])[] = [
  ['another method', 'OPTIONS', '/things'],
  ['another path', 'GET', '/thing'],
  ['a longer path', 'GET', '/things/a/b/c/d'],
  ['an empty label in the middle', 'GET', '/things//principals'],
  ['a broken percent-encoding', 'GET', '/things/%zz'],
  ['a percent-encoding that is not UTF-8', 'GET', '/things/%ff'],
  ['names of object members', 'GET', '/__proto__'],
  ['the root', 'GET', '/'],
]

for (const [why, method, path] of NOT_FOUND) {
  test(`finds nothing: ${why}`, () => assert.equal(router.match(method, path, 'iot'), undefined))
}

const TARGETS: readonly (readonly [text: string, expected: ReturnType<typeof parseTarget>])[] = [
  ['/', { rawPath: '/', query: [] }],
  [
    '/a%2Fb?x=1&y&x=%20+&=',
    {
      rawPath: '/a%2Fb',
      query: [
        ['x', '1'],
        ['y', ''],
        ['x', '  '],
        ['', ''],
      ],
    },
  ],
  ['/?a=b=c', { rawPath: '/', query: [['a', 'b=c']] }],
  ['/?', { rawPath: '/', query: [] }],
  ['/?a=%zz', undefined],
  ['*', undefined],
  ['http://host/', undefined],
  ['', undefined],
]

for (const [text, expected] of TARGETS) {
  test(`reads the request target ${JSON.stringify(text)}`, () => assert.deepEqual(parseTarget(text), expected))
}
