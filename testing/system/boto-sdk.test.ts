/**
 * For each operation that Debian's botocore knows (package awscli brings it; boto3 is a layer over it): a good call and
 * its most common errors, with the client's own exception classes.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { performRow, ROWS, startSdkPlane, UNKNOWN_TO_CLIENT } from '../sdk/sdk-plane.ts'

const { url, region, credentials, otherCredentials, world } = await startSdkPlane()
const script = join(import.meta.dirname, 'botocore-operations.py')
const child = spawn('/usr/bin/python3', [script, url, otherCredentials.accessKeyId, otherCredentials.secretAccessKey], {
  stdio: ['pipe', 'pipe', 'inherit'],
  env: {
    PATH: process.env['PATH'] ?? '',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
  },
})
const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
after(() => child.stdin.end())

/** What botocore made of one operation. */
class Refused extends Error {
  readonly isModelled: boolean

  constructor(name: string, message: string, isModelled: boolean) {
    super(message)
    this.name = name
    this.isModelled = isModelled
  }
}

async function ask(operation: string, input: object, byOther: boolean): Promise<Readonly<Record<string, unknown>>> {
  child.stdin.write(`${JSON.stringify({ operation, input, byOther })}\n`)
  const { value } = await answers.next()
  const told: Readonly<Record<string, unknown>> = JSON.parse(String(value))
  if (told['unknown'] === true) return UNKNOWN_TO_CLIENT
  if (typeof told['error'] === 'string') {
    throw new Refused(told['error'], String(told['message']), told['modelled'] === true)
  }
  return { ...Object(told['answer']) }
}

for (const row of ROWS) {
  test(`${row.operation}: a good call and ${row.errors.length} errors`, () =>
    performRow(row, world, ask, (error, name) => {
      assert.ok(error instanceof Refused, String(error))
      // It looks at lengths and numbers itself, before anything is sent.
      if (error.name === 'ParamValidationError') return
      assert.equal(error.name, name, error.message)
      assert.ok(error.isModelled, `the client has no class for ${name}`)
    }))
}
