import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import * as sdk from '@aws-sdk/client-iot'
import { operationCoverage } from '@birthmark/cloud/api'
import { performRow, ROWS, startSdkPlane } from '../sdk/sdk-plane.ts'

/*
 * For each operation of the control plane that is implemented: a good call and its most common errors, with the
 * unmodified SDK and its own exception classes.
 */

const { url: endpoint, region, credentials, otherCredentials, world } = await startSdkPlane()
const client = new sdk.IoTClient({ endpoint, region, credentials, maxAttempts: 1 })
const other = new sdk.IoTClient({ endpoint, region, credentials: otherCredentials, maxAttempts: 1 })
after(() => {
  client.destroy()
  other.destroy()
})

/** Asks for an operation by its name. */
async function ask(operation: string, input: object, byOther: boolean): Promise<Readonly<Record<string, unknown>>> {
  const exported: Readonly<Record<string, unknown>> = sdk
  const Command = exported[`${operation}Command`]
  assert.ok(typeof Command === 'function', operation)
  return { ...(await (byOther ? other : client).send(Reflect.construct(Command, [input]))) }
}

test('every operation that is implemented has a row here', () => {
  const implemented = operationCoverage().filter(({ service, state }) => service === 'iot' && state !== 'missing')
  const told = new Set(ROWS.map(({ operation }) => operation))
  assert.deepEqual(
    implemented.map(({ name }) => name).filter((name) => !told.has(name)),
    [],
  )
  // Without any input there is nothing to be wrong.
  const plain = ROWS.filter(({ errors }) => errors.length === 0).map(({ operation }) => operation)
  const erring = new Set(ROWS.filter(({ errors }) => errors.length > 0).map(({ operation }) => operation))
  assert.deepEqual(
    plain.filter((name) => !erring.has(name)),
    [
      'GetRegistrationCode',
      'CreateKeysAndCertificate',
      'GetIndexingConfiguration',
      'GetBucketsAggregation',
      'UpdateEventConfigurations',
      'DescribeEventConfigurations',
      'ListCertificateProviders',
      'DescribeDefaultAuthorizer',
      'GetV2LoggingOptions',
      'GetLoggingOptions',
    ],
  )
})

for (const row of ROWS) {
  test(`${row.operation}: a good call and ${row.errors.length} errors`, () =>
    performRow(row, world, ask, (error, name) => {
      assert.ok(error instanceof sdk.IoTServiceException, `${name} is due, and came ${String(error)}`)
      assert.equal(error.name, name, error.message)
      const exported: Readonly<Record<string, unknown>> = sdk
      const Exception = exported[name]
      if (typeof Exception === 'function') assert.ok(Object(error) instanceof Exception)
      assert.ok((error.$metadata.httpStatusCode ?? 0) >= 400)
    }))
}
