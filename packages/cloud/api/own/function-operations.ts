import { type FunctionDefinition, functionArn, parseFunction, writeFunction } from '@birthmark/cloud/functions'
import type { Change, Scope, StoredDocument } from '@birthmark/cloud/registry'
import { newAccessKey } from '../access/keys.ts'
import { ROLE_NAMES } from '../access/roles.ts'
import { AwsException } from '../exceptions.ts'
import { conflictException } from '../operations/conflicts.ts'
import { keyRequestOf } from './access-operations.ts'
import type { OwnCall, OwnOperation } from './operation.ts'

/** Functions, which rules and hooks call by their ARN. */
export const FUNCTION_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadFunctions',
    method: 'GET',
    path: '/v1/functions',
    summary: 'Lists the functions, without the text of their modules.',
    changes: false,
    fields: {},
    answers: { functions: 'each with name, arn, file and handler or url, timeoutMs, memoryMb, accessKeyId, createdAt' },
    async perform({ registry }) {
      const documents = await registry.provisioning.documents('function')
      return { functions: documents.map((document) => viewOf(document, registry.scope)) }
    },
  },
  {
    name: 'PutFunction',
    method: 'POST',
    path: '/v1/functions',
    summary: 'Adds a function, or replaces its code and limits.',
    changes: true,
    fields: {
      name: { type: 'string', required: true, description: '1 to 64 of a-z A-Z 0-9 _ -' },
      file: { type: 'string', description: 'name of the module, which ends with .js, .mjs, .cjs, .ts, .mts or .cts' },
      source: { type: 'string', description: 'text of the module, at most 1,000,000 characters' },
      handler: { type: 'string', description: 'the export that takes (event, context); handler when absent' },
      url: { type: 'string', description: "instead of a module: an endpoint that speaks Lambda's Invoke" },
      timeoutMs: { type: 'integer', min: 1, max: 900_000, description: '3000 when absent' },
      memoryMb: { type: 'integer', min: 32, max: 10_240, description: '128 when absent' },
      role: { type: 'string', values: ROLE_NAMES, description: 'gives the function a key with this role' },
      policyDocument: { type: 'string', description: 'permissions of its own for that key, instead of a role' },
      templates: { type: 'strings', description: 'with the role installer: the templates it may use' },
    },
    answers: {
      name: 'as it was given',
      arn: 'what rules and hooks name it by',
      accessKeyId: 'of its key, if it has one',
    },
    perform: putFunction,
  },
  {
    name: 'DeleteFunction',
    method: 'DELETE',
    path: '/v1/functions/{name}',
    summary: 'Deletes a function and the key that was made for it.',
    changes: true,
    fields: {},
    answers: {},
    async perform(call) {
      const kept = await call.registry.provisioning.document('function', call.label)
      const { accessKeyId } = kept === undefined ? { accessKeyId: undefined } : parseFunction(JSON.parse(kept.body))
      const isThere = accessKeyId !== undefined && (await call.whole.accessKey(accessKeyId)) !== undefined
      const revocation = isThere ? [{ do: 'revoke-access-key', id: accessKeyId } as const] : []
      await save(call, { do: 'delete-document', kind: 'function', name: call.label }, ...revocation)
      return {}
    },
  },
  {
    name: 'InvokeFunction',
    method: 'POST',
    path: '/v1/invocations/{name}',
    summary: 'Runs a function with an event and waits for its answer.',
    changes: true,
    fields: { event: { type: 'object', description: 'what the handler gets; an empty object when absent' } },
    answers: { outcome: 'answered, slow or failed', answer: 'what the handler gave', why: 'why it failed' },
    async perform({ given, label, registry: { scope }, options }) {
      if (options.invokeFunction === undefined) {
        throw new AwsException('NotImplementedException', 'This server runs no functions.')
      }
      return options.invokeFunction(scope, functionArn(scope, label), given.object('event') ?? {})
    },
  },
]

function viewOf(document: StoredDocument, scope: Scope): object {
  const { name, code, timeoutMs, memoryMb, accessKeyId } = parseFunction(JSON.parse(document.body))
  const where = code.kind === 'url' ? { url: code.url } : { file: code.file, handler: code.handler }
  return {
    name,
    arn: functionArn(scope, name),
    ...where,
    timeoutMs,
    memoryMb,
    accessKeyId,
    createdAt: document.createdAt,
  }
}

async function putFunction(call: OwnCall): Promise<object> {
  const { registry, given, now, options } = call
  const definition = definitionOf(call)
  const { name } = definition
  const before = await registry.provisioning.document('function', name)
  const wantsKey = given.text('role') !== undefined || given.text('policyDocument') !== undefined
  const key = wantsKey
    ? newAccessKey({ ...keyRequestOf(given), name: `function.${name}` }, options.clock, options.entropy)
    : undefined
  // Code that is replaced keeps the key that it has.
  const kept = before === undefined ? undefined : parseFunction(JSON.parse(before.body)).accessKeyId
  const accessKeyId = key?.id ?? kept
  const body = writeFunction({ ...definition, accessKeyId })
  const document: Change =
    before === undefined
      ? { do: 'create-document', document: { kind: 'function', name, body, createdAt: now } }
      : { do: 'replace-document', kind: 'function', name, body }
  await save(call, ...(key === undefined ? [] : [{ do: 'create-access-key', key } as const]), document)
  return { name, arn: functionArn(registry.scope, name), accessKeyId }
}

function definitionOf({ given }: OwnCall): FunctionDefinition {
  const url = given.text('url')
  const module = {
    kind: 'module',
    file: given.text('file'),
    source: given.text('source'),
    handler: given.text('handler'),
  }
  return parseFunction({
    name: given.text('name'),
    code: url === undefined ? module : { kind: 'url', url },
    timeoutMs: given.integer('timeoutMs'),
    memoryMb: given.integer('memoryMb'),
  })
}

/** Makes changes whole or not at all. @throws the exception that a conflict is answered with */
export async function save({ registry }: OwnCall, ...changes: readonly Change[]): Promise<void> {
  const result = await registry.commit(changes)
  if (!result.ok) throw conflictException(registry.scope, changes[result.index], result.reason)
}
