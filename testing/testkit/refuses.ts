import assert from 'node:assert/strict'
import { IoTServiceException } from '@aws-sdk/client-iot'

/** What else a client learns from an exception. */
interface Refusal {
  readonly resourceId?: string
  readonly resourceArn?: string
}

/** A row of a table of refusals: what is wrong, the request, and the exception it must get. */
export type RefusalRow = readonly [
  why: string,
  send: () => Promise<unknown>,
  name: string,
  status: number,
  message: RegExp,
]

/** Asserts that the AWS SDK got this exception, under its own name, with this status and message. */
export async function refuses(sent: Promise<unknown>, name: string, status: number, message: RegExp): Promise<Refusal> {
  const error: unknown = await sent.then(
    () => assert.fail('the request was not refused'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof IoTServiceException, String(error))
  assert.deepEqual([error.name, error.$metadata.httpStatusCode], [name, status], error.message)
  assert.match(error.message, message)
  return error as Refusal
}
