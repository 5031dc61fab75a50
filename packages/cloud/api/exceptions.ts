import * as iot from '@aws-sdk/client-iot'
import type { StaticErrorSchema } from '@smithy/types'

/** The errors that AWS IoT's model declares, for example `ResourceNotFoundException`. */
type ModelledName = {
  [Key in keyof typeof iot]: Key extends `${infer Name}Exception$` ? `${Name}Exception` : never
}[keyof typeof iot]

/** The name of an answer that is not a success, as clients match on it. */
export type ExceptionName = ModelledName | keyof typeof FRONT_END_STATUS

/** A request that is refused: name, HTTP status and message go to the client as they are. */
export class AwsException extends Error {
  override readonly name: ExceptionName
  readonly status: number
  /** Further members of the answer's body, such as `resourceArn`. */
  readonly members: Readonly<Record<string, string>>

  constructor(name: ExceptionName, message: string, members: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = name
    this.status = STATUS.get(name) ?? 400
    this.members = members
  }
}

/** Makes the exception that says a member's value is not acceptable. */
export function invalidRequest(message: string): AwsException {
  return new AwsException('InvalidRequestException', message)
}

/** Makes the exception that says something named in a request is not there. */
export function notFound(message: string): AwsException {
  return new AwsException('ResourceNotFoundException', message)
}

/** Errors that come from in front of the service, which no model declares (AWS IoT API reference, common errors). */
const FRONT_END_STATUS = {
  AccessDeniedException: 403,
  ExpiredTokenException: 403,
  ForbiddenException: 403,
  IncompleteSignatureException: 403,
  InvalidSignatureException: 403,
  MissingAuthenticationTokenException: 403,
  NotImplementedException: 501,
  RequestEntityTooLargeException: 413,
  SerializationException: 400,
  UnknownOperationException: 404,
  UnrecognizedClientException: 403,
} as const

const STATUS: ReadonlyMap<string, number> = new Map([...Object.entries(FRONT_END_STATUS), ...modelledStatus()])

function modelledStatus(): [string, number][] {
  const schemas = Object.values<unknown>(iot).filter(isErrorSchema)
  return schemas.map(([, , name, traits]) => [name, Number(typeof traits === 'object' ? traits['httpError'] : 400)])
}

/** A schema is a tuple that begins with its kind; -3 is an error (`@smithy/types`, StaticSchemaIdError). */
function isErrorSchema(exported: unknown): exported is StaticErrorSchema {
  return Array.isArray(exported) && exported[0] === -3
}
