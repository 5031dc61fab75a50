/** Functions as AWS Lambda runs them: a module with a handler in a process of its own, or an HTTP endpoint. */
export { FUNCTION_FAULTS } from './faults.ts'
export { type FunctionDefinition, parseFunction, writeFunction } from './function.ts'
export { functionArn, functionNameOf } from './function-arn.ts'
export type { Invocation } from './invocation.ts'
export { FunctionRunner, type FunctionWorld } from './runner.ts'
