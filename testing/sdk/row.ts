/** What rows share: what earlier ones made. */
export interface SdkWorld {
  /** A second account of the same region. */
  readonly otherAccount: string
  /** Answers of earlier rows, by operation. */
  readonly answers: Map<string, Readonly<Record<string, unknown>>>
  /** A PKCS#10 request in PEM. */
  newCsr(): Promise<string>
}

/** What an operation is asked, plainly or made from what earlier rows gave. */
type Asked = object | ((world: SdkWorld) => object | Promise<object>)

/** One operation: a call that succeeds, and its most common errors. */
export interface SdkRow {
  readonly operation: string
  readonly good: Asked
  /** Asked with the second account's client. */
  readonly byOther?: boolean
  /** Each with the exception's name as the SDK has it. */
  readonly errors: readonly (readonly [exception: string, asked: Asked])[]
}

/** Writes one row. */
export function row(operation: string, good: Asked, ...errors: SdkRow['errors']): SdkRow {
  return { operation, good, errors }
}

/** Gives a member of an earlier row's answer. */
export function answered(world: SdkWorld, operation: string, member: string): string {
  const value = world.answers.get(operation)?.[member]
  if (typeof value !== 'string') throw new TypeError(`${operation} gave no ${member}`)
  return value
}

export const INVALID = 'InvalidRequestException'
export const ABSENT = 'ResourceNotFoundException'
export const TAKEN = 'ResourceAlreadyExistsException'
export const STALE = 'VersionConflictException'
export const NOWHERE: string = '0'.repeat(64)
export const LONG: string = 'x'.repeat(200)
export const ROLE = 'arn:aws:iam::123456789012:role/r'
export const FUNCTION = 'arn:aws:lambda:us-east-1:123456789012:function:f'
