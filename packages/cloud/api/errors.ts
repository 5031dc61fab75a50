import { Fault, type Level, type LogFields, messageOf } from '@birthmark/foundation/kernel'
import { AwsException } from './exceptions.ts'

/** The only place where a failure becomes an answer: what strangers learn is decided here. */
export function exceptionOf(error: unknown): AwsException {
  if (error instanceof AwsException) return error
  if (!(error instanceof Fault)) return new AwsException('InternalFailureException', UNEXPECTED)
  if (UNAVAILABLE.has(error.code))
    return new AwsException('ServiceUnavailableException', 'The service is temporarily unavailable.')
  if (error.code === 'TEMPLATE_NOT_IMPLEMENTED') return new AwsException('NotImplementedException', sentence(error))
  switch (error.blame) {
    case 'peer':
    case 'caller':
      return new AwsException('InvalidRequestException', sentence(error))
    case 'busy':
      return new AwsException('ThrottlingException', 'Rate exceeded')
    case 'operator':
    case 'bug':
      return new AwsException('InternalFailureException', UNEXPECTED)
  }
}

function sentence({ message, remedy }: Fault): string {
  return `${message}. ${remedy}`
}

/** How loud the log is about a failure: level follows blame. */
export function levelOf(error: unknown): Level {
  if (error instanceof AwsException) return 'info'
  if (!(error instanceof Fault)) return 'error'
  if (error.blame === 'busy') return 'warn'
  return error.blame === 'peer' || error.blame === 'caller' ? 'info' : 'error'
}

/**
 * Tells the log what the client is not told: the code and the sentence of a fault of ours, and where an unforeseen
 * error came from. Of a fault of the client's it tells the code alone, for the sentence may repeat what was sent.
 */
export function causeOf(error: unknown): LogFields {
  if (error === undefined || error instanceof AwsException) return {}
  if (error instanceof Fault) {
    const isTheirs = error.blame === 'peer' || error.blame === 'caller'
    return { fault: error.code, ...(isTheirs ? {} : { cause: error.message }) }
  }
  const stack = error instanceof Error ? error.stack : undefined
  return { cause: messageOf(error), stack: stack?.slice(0, STACK_CHARACTERS_MAX) }
}

/** Longest stack that the log keeps, in characters: the calls that matter come first. */
const STACK_CHARACTERS_MAX = 1000

/** Failures of the operator's machines that pass once somebody has acted; clients retry this answer. */
const UNAVAILABLE: ReadonlySet<string> = new Set(['CERTIFICATE_PROVIDER_UNAVAILABLE', 'DISK_FULL', 'REGISTRY_CLOSED'])

const UNEXPECTED = 'An unexpected error has occurred.'
