import { parsePolicyDocument } from '@birthmark/cloud/policy'
import { messageOf } from '@birthmark/foundation/kernel'

/** What an authorizer's function said. */
export type FunctionAnswer =
  | ({ readonly isAuthenticated: true } & AnswerMembers)
  | { readonly isAuthenticated: false }
  /** What is wrong with it. */
  | { readonly isAuthenticated: undefined; readonly wrong: string }

/** What a function says of a client that it knows. */
interface AnswerMembers {
  readonly principalId: string
  /** JSON, each a policy that can be parsed. */
  readonly policies: readonly string[]
  /** Seconds. */
  readonly disconnectAfter: number
  /** Seconds. */
  readonly refreshAfter: number
}

/** Reads what an authorizer's function answered (AWS IoT Core developer guide, defining your Lambda function). */
export function parseAnswer(value: unknown): FunctionAnswer {
  try {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong('it is no JSON object')
    const members: Readonly<Record<string, unknown>> = { ...value }
    const { isAuthenticated } = members
    if (typeof isAuthenticated !== 'boolean') throw new Wrong('isAuthenticated is neither true nor false')
    if (!isAuthenticated) return { isAuthenticated }
    const { context = {} } = members
    if (typeof context !== 'object') throw new Wrong('context is no object')
    return {
      isAuthenticated,
      principalId: principalOf(members['principalId']),
      policies: policiesOf(members['policyDocuments']),
      disconnectAfter: secondsOf(members, 'disconnectAfterInSeconds'),
      refreshAfter: secondsOf(members, 'refreshAfterInSeconds'),
    }
  } catch (error) {
    if (error instanceof Wrong) return { isAuthenticated: undefined, wrong: error.message }
    throw error
  }
}

function principalOf(value: unknown): string {
  if (typeof value === 'string' && PRINCIPAL.test(value)) return value
  throw new Wrong('principalId is not 1 to 128 letters and digits')
}

/** Functions give a policy as an object or as its JSON. */
function policiesOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw new Wrong('policyDocuments is no list')
  if (value.length > POLICIES_MAX) throw new Wrong(`policyDocuments has more than ${POLICIES_MAX} policies`)
  return value.map((given: unknown, index) => {
    const text = typeof given === 'string' ? given : String(JSON.stringify(given))
    try {
      parsePolicyDocument(text)
      return text
    } catch (error) {
      throw new Wrong(`policyDocuments[${index}] is no policy: ${messageOf(error)}`)
    }
  })
}

function secondsOf(members: Readonly<Record<string, unknown>>, name: string): number {
  const value = members[name] ?? SECONDS_MAX
  if (typeof value === 'number' && Number.isInteger(value) && value >= SECONDS_MIN && value <= SECONDS_MAX) return value
  throw new Wrong(`${name} is not a whole number from ${SECONDS_MIN} to ${SECONDS_MAX}`)
}

/** What is wrong with an answer, for people. */
class Wrong extends Error {}

const PRINCIPAL = /^[a-zA-Z0-9]{1,128}$/
/** AWS IoT Core developer guide, defining your Lambda function; a policy has 2,048 characters at most, as all do. */
const POLICIES_MAX = 10
/** The same: five minutes to a day, and a day when the function does not say. */
const SECONDS_MIN = 300
const SECONDS_MAX = 86_400
