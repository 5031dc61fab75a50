import { DATA_OPERATIONS } from '../data-plane/operations.ts'
import { AwsException } from '../exceptions.ts'
import type { Call } from '../operation-types.ts'
import { OPERATIONS } from '../operations/operations.ts'
import { requireSupported } from '../unsupported-members.ts'
import type { Answer } from './answer.ts'
import { requireConstraints } from './constraints.ts'
import { loadOperations, type Operation, type Service } from './model.ts'
import { type InputSource, readInput } from './read-input.ts'
import { createRouter, type Route, type Router } from './router.ts'
import { writeOutput } from './write-output.ts'

/** The operations of all services behind their routes. */
export interface Engine extends Router {
  /**
   * Reads the input, asks whether the caller may, checks it, performs the operation and writes its output.
   *
   * @param admit Told what is wanted before anything is done; throws when the caller may not.
   * @throws `NotImplementedException`, `SerializationException`, `InvalidRequestException`, what `admit` and the
   * operation throw
   */
  perform(route: Route, source: InputSource, call: Call, admit: Admit): Promise<Answer>
}

/** Judges whether a caller may have an operation performed on what its input names. */
export type Admit = (operation: Operation, input: Readonly<Record<string, unknown>>) => void

/** Builds the engine. @throws `API_MODEL_UNKNOWN` */
export function createEngine(): Engine {
  const router = createRouter(loadOperations())
  return {
    match: (method, rawPath, service) => router.match(method, rawPath, service),
    async perform(route, source, call, admit) {
      const { operation } = route
      const input = readInput(route, source)
      admit(operation, input)
      const implementation = requireImplementation(operation)
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

const IMPLEMENTATIONS: Readonly<Record<Service, ReadonlyMap<string, Implementation>>> = {
  iot: new Map(Object.entries(OPERATIONS)),
  iotdata: new Map(Object.entries(DATA_OPERATIONS)),
  'iot-jobs-data': new Map(),
}

function requireImplementation({ name, service }: Operation): Implementation {
  const found = IMPLEMENTATIONS[service].get(name)
  if (found === undefined)
    throw new AwsException('NotImplementedException', `${name} is not implemented by this endpoint.`)
  return found
}
