import { AwsException } from '../exceptions.ts'
import type { Call } from '../operation-types.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { requireSupported } from '../unsupported-members.ts'
import type { Answer } from './answer.ts'
import { requireConstraints } from './constraints.ts'
import { loadOperations, type Operation } from './model.ts'
import { type InputSource, readInput } from './read-input.ts'
import { createRouter, type Route, type Router } from './router.ts'
import { writeOutput } from './write-output.ts'

/** The operations of all services behind their routes. */
export interface Engine extends Router {
  /**
   * Reads the input, checks it, performs the operation and writes its output.
   *
   * @throws `NotImplementedException`, `SerializationException`, `InvalidRequestException`, what the operation throws
   */
  perform(route: Route, source: InputSource, call: Call): Promise<Answer>
}

/** Builds the engine. @throws `API_MODEL_UNKNOWN` */
export function createEngine(): Engine {
  const router = createRouter(loadOperations())
  return {
    match: (method, rawPath, service) => router.match(method, rawPath, service),
    async perform(route, source, call) {
      const { operation } = route
      const implementation = requireImplementation(operation)
      const input = readInput(route, source)
      requireConstraints(operation, input)
      requireSupported(operation.name, input)
      return writeOutput(operation, await implementation(input, call))
    },
  }
}

/**
 * Any operation. A method's parameters are bivariant in TypeScript, so every function of {@link OPERATIONS} is one of
 * these; that its input has the right type is what {@link readInput} sees to.
 */
type Implementation = { perform(input: unknown, call: Call): Promise<unknown> }['perform']

const IMPLEMENTATIONS: ReadonlyMap<string, Implementation> = new Map(Object.entries(OPERATIONS))

function requireImplementation({ name, service }: Operation): Implementation {
  const found = service === 'iot' ? IMPLEMENTATIONS.get(name) : undefined
  if (found === undefined)
    throw new AwsException('NotImplementedException', `${name} is not implemented by this endpoint.`)
  return found
}
