import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { isFault, millis, silentLog } from '@birthmark/foundation/kernel'
import { systemClock, systemTimers } from '@birthmark/foundation/system'
import { FunctionRunner, functionArn, parseFunction, writeFunction } from './index.ts'

const SCOPE = { account: '111122223333', region: 'eu-central-1' }
const folder = await mkdtemp(join(tmpdir(), 'birthmark-functions-'))
const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock: systemClock, log: silentLog })
const runner = new FunctionRunner({
  registry,
  folder: join(folder, 'functions'),
  endpointUrl: () => 'http://127.0.0.1:1',
  clock: systemClock,
  timers: systemTimers,
  log: silentLog,
})
after(async () => {
  runner.close()
  await registry.close()
  await rm(folder, { recursive: true, force: true })
})

async function add(name: string, code: object, members: object = {}): Promise<string> {
  const definition = parseFunction({ name, code, ...members })
  const body = writeFunction(definition)
  const document = { kind: 'function', name, body, createdAt: systemClock.now() } as const
  assert.deepEqual(await registry.in(SCOPE).commit([{ do: 'create-document', document }]), { ok: true })
  return functionArn(SCOPE, name)
}

function moduleOf(source: string, file = 'index.mjs'): object {
  return { kind: 'module', file, source }
}

const GENEROUS = { timeoutMs: 60_000 }

test('a module, in each way to write one, is called with the event and a context', async () => {
  const typed = `export async function handler(event: { n: number }, context: any) {
    return [event.n, context.functionName, process.env.AWS_ENDPOINT_URL, process.env.HOSTNAME_OF_PARENT]
  }`
  const arn = await add('typed', moduleOf(typed, 'index.ts'), GENEROUS)
  const answer = [1, 'typed', 'http://127.0.0.1:1', null]
  assert.deepEqual(await runner.invoke(SCOPE, arn, { n: 1 }), { outcome: 'answered', answer })
  const callback = 'exports.handler = (event, context, callback) => { callback(null, event.n + 1) }'
  const old = await add('callback', moduleOf(callback, 'index.cjs'), GENEROUS)
  assert.deepEqual(await runner.invoke(SCOPE, old, { n: 1 }), { outcome: 'answered', answer: 2 })
  const sdk = "import { IoTClient } from '@aws-sdk/client-iot'\nexport const handler = async () => typeof IoTClient"
  const withSdk = await add('sdk', moduleOf(sdk), GENEROUS)
  assert.deepEqual(await runner.invoke(SCOPE, withSdk, {}), { outcome: 'answered', answer: 'function' })
})

test('what a handler throws, a handler that is slow, and a process that ends are told apart', async () => {
  const source = `export const handler = async (event) => {
    if (event === 'throw') throw new RangeError('too far')
    if (event === 'exit') process.exit(3)
    if (event === 'hang') for (;;);
    return event
  }`
  const arn = await add('moody', moduleOf(source), GENEROUS)
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'well'), { outcome: 'answered', answer: 'well' })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'throw'), { outcome: 'failed', why: 'RangeError: too far' })
  const ended = await runner.invoke(SCOPE, arn, 'exit')
  assert.deepEqual(ended, { outcome: 'failed', why: 'its process ended with status 3' })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'hang', millis(300)), { outcome: 'slow' })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'well'), { outcome: 'answered', answer: 'well' })
})

test('a function that answers in place of its process, and senselessly, fails and harms nobody', async () => {
  const source = `export const handler = (event) => {
    for (const id of [event.id, 'x', null]) process.send({ id, answer: '{' })
    process.send('nonsense')
    return new Promise(() => undefined)
  }`
  const arn = await add('forger', moduleOf(source), GENEROUS)
  const result = await runner.invoke(SCOPE, arn, { id: 1 })
  assert.deepEqual(result, { outcome: 'failed', why: 'its answer is not JSON' })
})

test('invocations beyond the processes wait on their own time', async () => {
  const source = 'export const handler = (ms) => new Promise((resolve) => setTimeout(resolve, ms, ms))'
  const arn = await add('busy', moduleOf(source), GENEROUS)
  const long = Array.from({ length: 4 }, () => runner.invoke(SCOPE, arn, 1500))
  assert.deepEqual(await runner.invoke(SCOPE, arn, 1, millis(200)), { outcome: 'slow' })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 2), { outcome: 'answered', answer: 2 })
  for (const { outcome } of await Promise.all(long)) assert.equal(outcome, 'answered')
})

test('a function that is replaced runs as it is now', async () => {
  const arn = await add('changing', moduleOf('export const handler = async () => 1'), GENEROUS)
  assert.deepEqual(await runner.invoke(SCOPE, arn, {}), { outcome: 'answered', answer: 1 })
  const definition = parseFunction({
    name: 'changing',
    code: moduleOf('export const handler = async () => 2'),
    ...GENEROUS,
  })
  const body = writeFunction(definition)
  await registry.in(SCOPE).commit([{ do: 'replace-document', kind: 'function', name: 'changing', body }])
  assert.deepEqual(await runner.invoke(SCOPE, arn, {}), { outcome: 'answered', answer: 2 })
})

test("an endpoint speaks Lambda's Invoke", async (context) => {
  const server = createServer((request, response) => {
    if (request.url !== '/2015-03-31/functions/remote/invocations') response.statusCode = 404
    const body: Buffer[] = []
    request.on('data', (chunk: Buffer) => body.push(chunk))
    request.on('end', () => {
      const event: unknown = JSON.parse(Buffer.concat(body).toString())
      if (event === 'fail') response.setHeader('x-amz-function-error', 'Unhandled')
      if (event !== 'hang') response.end(JSON.stringify([event]))
    })
  }).listen(0, '127.0.0.1')
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const arn = await add('remote', { kind: 'url', url: `http://127.0.0.1:${address.port}` })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'x'), { outcome: 'answered', answer: ['x'] })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'fail'), { outcome: 'failed', why: 'Unhandled: ["fail"]' })
  assert.deepEqual(await runner.invoke(SCOPE, arn, 'hang', millis(200)), { outcome: 'slow' })
})

test('a function that is not there, or is another account’s', async () => {
  const none = await runner.invoke(SCOPE, functionArn(SCOPE, 'none'), {})
  assert.deepEqual(none, { outcome: 'failed', why: 'function none does not exist' })
  const foreign = await runner.invoke(SCOPE, functionArn({ ...SCOPE, account: '999988887777' }, 'typed'), {})
  assert.equal(foreign.outcome, 'failed')
})

test('what is no function is refused with the member that is wrong', () => {
  const code = moduleOf('')
  const wrong: readonly [string, unknown][] = [
    ['name', { name: '../x', code }],
    ['file', { name: 'x', code: moduleOf('', '../x.js') }],
    ['url', { name: 'x', code: { kind: 'url', url: 'file:///etc/passwd' } }],
    ['timeoutMs', { name: 'x', code, timeoutMs: 1e9 }],
    ['code', { name: 'x' }],
  ]
  for (const [member, value] of wrong) {
    const named = (error: unknown): boolean => isFault(error, 'FUNCTION_INVALID') && error.context['member'] === member
    assert.throws(() => parseFunction(value), named, member)
  }
})

test('what a caller calls secret is in no answer of a function that fails', async () => {
  const source = 'export const handler = async ({ token }) => { throw new Error(`no such token: ${token}`) }'
  const arn = await add('telltale', moduleOf(source), GENEROUS)
  const blank = (text: string): string => text.replaceAll('secret', '…')
  const result = await runner.invoke(SCOPE, arn, { token: 'secret' }, millis(60_000), blank)
  assert.deepEqual(result, { outcome: 'failed', why: 'Error: no such token: …' })
})
