import type { Field } from './fields.ts'
import type { OwnOperation } from './operation.ts'
import { OWN_OPERATIONS } from './own-api.ts'

/** Gives the OpenAPI 3.1 document of our own API, made from the operations themselves. */
export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const operation of OWN_OPERATIONS) {
    const at = (paths[operation.path] ??= {})
    at[operation.method.toLowerCase()] = operationObject(operation)
  }
  for (const [path, summary] of OPEN_PATHS) {
    paths[path] = { get: { summary, security: [], responses: { '200': { description: 'as it says' } } } }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: "Birthmark's own API",
      version: '1',
      description: 'What AWS IoT has no operation for. Every request is signed with SigV4 as service iot.',
    },
    components: { securitySchemes: { sigv4: SIGV4 } },
    security: [{ sigv4: [] }],
    paths,
  }
}

/** Writes what each operation is called with and answers, as Markdown: the body of docs/reference/api.md. */
export function openApiMarkdown(): string {
  const open = OPEN_PATHS.map(([path, summary]) => `- \`GET ${path}\`: ${summary}`)
  return [...OWN_OPERATIONS.map(describe), `## Without a signature\n\n${open.join('\n')}`].join('\n\n')
}

function describe(operation: OwnOperation): string {
  const fields = Object.entries(operation.fields).map(
    ([name, { type, required, values, description }]) =>
      `| \`${name}\` | ${TYPE_NAMES[type]} | ${required === true ? 'yes' : 'no'} | ` +
      `${description}${values === undefined ? '' : ` (${values.join(', ')})`} |`,
  )
  const place = operation.method === 'POST' ? 'JSON body' : 'Query'
  const table = fields.length === 0 ? [] : ['', `| ${place} | Type | Required | Meaning |`, '| --- | --- | --- | --- |']
  const answers = Object.entries(operation.answers).map(([name, text]) => `- \`${name}\`: ${text}`)
  const action = `Action \`birthmark:${operation.name}\`${operation.changes ? '; audited' : ''}. ${operation.summary}`
  const heading = `## \`${operation.method} ${operation.path}\``
  return [
    heading,
    '',
    action,
    ...table,
    ...fields,
    ...(answers.length === 0 ? [] : ['', 'Answers:', '', ...answers]),
  ].join('\n')
}

function operationObject({ name, method, path, summary, fields, answers, plain }: OwnOperation): object {
  const entries = Object.entries(fields)
  const label = /\{(\w+)\}/.exec(path)?.[1]
  const inPath = label === undefined ? [] : [{ name: label, in: 'path', required: true, schema: { type: 'string' } }]
  const inQuery = entries.map(([field, row]) => ({
    name: field,
    in: 'query',
    required: row.required ?? false,
    description: row.description,
    schema: schemaOf(row),
  }))
  const properties = Object.fromEntries(entries.map(([field, row]) => [field, describedSchema(row)]))
  const required = entries.filter(([, row]) => row.required === true).map(([field]) => field)
  const body = { content: { 'application/json': { schema: { type: 'object', properties, required } } } }
  const members = Object.entries(answers).map(([member, description]) => [member, { description }])
  const answer = { schema: { type: 'object', properties: Object.fromEntries(members) } }
  return {
    operationId: name,
    summary,
    parameters: method === 'POST' ? inPath : [...inPath, ...inQuery],
    ...(method === 'POST' ? { requestBody: body } : {}),
    responses: {
      '200': { description: 'done', content: { [plain === true ? 'text/plain' : 'application/json']: answer } },
      default: { description: 'refused: __type names the exception, message says why' },
    },
  }
}

function describedSchema(field: Field): object {
  return { ...schemaOf(field), description: field.description }
}

function schemaOf({ type, values, min, max }: Field): object {
  switch (type) {
    case 'string':
      return { type, ...(values === undefined ? {} : { enum: values }) }
    case 'integer':
      return { type, minimum: min ?? 0, ...(max === undefined ? {} : { maximum: max }) }
    case 'boolean':
    case 'object':
      return { type }
    case 'strings':
      return { type: 'array', items: { type: 'string' } }
    case 'objects':
      return { type: 'array', items: { type: 'object' } }
  }
}

const TYPE_NAMES: Readonly<Record<Field['type'], string>> = {
  string: 'text',
  integer: 'whole number',
  boolean: 'true or false',
  strings: 'list of texts',
  object: 'object',
  objects: 'list of objects',
}

const SIGV4 = {
  type: 'apiKey',
  in: 'header',
  name: 'Authorization',
  description: 'AWS Signature Version 4, service iot',
} as const

/** What anybody may ask. */
const OPEN_PATHS: readonly (readonly [path: string, summary: string])[] = [
  ['/v1/health', 'answers 200 while the process lives'],
  ['/v1/ready', 'answers 200 once devices and tools are served, 503 before and while it stops'],
  ['/v1/openapi.json', 'this document'],
  ['/v1/claim-page', 'a page on which an installer makes a claim for a device'],
  ['/v1/reports/{token}', 'a part of the report of a bulk task, as ListThingRegistrationTaskReports links it'],
]
