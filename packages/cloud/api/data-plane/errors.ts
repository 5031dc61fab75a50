import { type Answer, jsonAnswer } from '../engine/answer.ts'
import { exceptionOf } from '../errors.ts'

/**
 * Writes what a failure looks like on the data plane (AWS IoT API, data plane, errors): the form differs from the
 * control plane's, and so do a few names and statuses.
 */
export function dataErrorAnswer(error: unknown, traceId: string): Answer {
  const { name, status, message } = exceptionOf(error)
  const [shown, code] = DIFFERENT.get(name) ?? [name, status]
  return jsonAnswer({ message, traceId }, code, { 'x-amzn-errortype': shown })
}

const DIFFERENT: ReadonlyMap<string, readonly [name: string, status: number]> = new Map([
  ['AccessDeniedException', ['ForbiddenException', 403]],
  ['SerializationException', ['InvalidRequestException', 400]],
  ['ThrottlingException', ['ThrottlingException', 429]],
  ['UnknownOperationException', ['ResourceNotFoundException', 404]],
])
