/**
 * The process of one function: loads its module, and runs the handler once for each message from its parent. Started
 * by `FunctionProcess` with the path of the module, the names of handler and function, and its memory as words.
 */
import { createRequire, registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { systemClock } from '@birthmark/foundation/system'

type Handler = (event: unknown, context: object, callback: (error: unknown, result?: unknown) => void) => unknown

const [, , modulePath = '', handlerName = '', name = '', memoryLimitInMB = ''] = process.argv

/** A handler that brings no libraries of its own finds AWS's SDK where this server finds it, as at AWS Lambda. */
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context)
    } catch (error) {
      if (specifier.startsWith('.') || specifier.startsWith('/')) throw error
      return next(specifier, { ...context, parentURL: import.meta.url })
    }
  },
})

interface Call {
  readonly id: number
  readonly event: unknown
  readonly requestId: string
  readonly arn: string
  readonly deadline: number
}

let handler: Promise<Handler> | undefined

async function load(): Promise<Handler> {
  const loaded: unknown = modulePath.endsWith('.cjs')
    ? createRequire(import.meta.url)(modulePath)
    : await import(pathToFileURL(modulePath).href)
  const found = exportOf(loaded, handlerName) ?? exportOf(exportOf(loaded, 'default'), handlerName)
  if (typeof found !== 'function') throw new TypeError(`the module exports no function ${handlerName}`)
  return (event, context, callback) => Reflect.apply(found, undefined, [event, context, callback])
}

function exportOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null ? Reflect.get(holder, name) : undefined
}

async function run({ id, event, requestId, arn, deadline }: Call): Promise<void> {
  try {
    const call = await (handler ??= load())
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName: name,
      functionVersion: '$LATEST',
      invokedFunctionArn: arn,
      memoryLimitInMB,
      awsRequestId: requestId,
      logGroupName: `/aws/lambda/${name}`,
      logStreamName: 'local',
      getRemainingTimeInMillis: () => Math.max(0, deadline - systemClock.now()),
    }
    const answer = await new Promise<unknown>((resolve, reject) => {
      const callback = (error: unknown, result?: unknown): void =>
        error === null || error === undefined ? resolve(result) : reject(error)
      const returned = call(event, context, callback)
      // A handler without a promise answers through its callback.
      if (returned instanceof Promise) returned.then(resolve, reject)
      else if (returned !== undefined) resolve(returned)
    })
    process.send?.({ id, answer: JSON.stringify(answer ?? null) })
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
  }
}

process.on('message', (message: Call) => void run(message))
process.on('disconnect', () => process.exit())
