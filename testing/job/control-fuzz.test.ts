import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { CreateThingCommand, ListThingsCommand } from '@aws-sdk/client-iot'
import { iotClient } from 'birthmark/parts'
import { fuzzControlPlane } from '../fuzz/control-fuzz.ts'
import type { OwnOperation } from '../fuzz/fuzz-requests.ts'
import { PAYLOAD_MARK } from '../fuzz/fuzz-values.ts'
import { ANY_PORTS, runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/*
 * The control plane under everything that its schemas can be bent into, in a server of its own: 20 seconds, or as many
 * as FUZZ_SECONDS says. FUZZ_SEED repeats a run.
 */

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 20)
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32)
const BIRTHMARK = join(import.meta.dirname, '../../packages/cli/bin/birthmark.js')

test('the control plane stands every kind of bad request', { timeout: (SECONDS + 60) * 1000 }, async (context) => {
  const folder = await scratchFolder(context)
  const words = ['server', '--data', join(folder, 'cloud'), ...ANY_PORTS, '--json']
  const server = spawn(process.execPath, [BIRTHMARK, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  context.after(() => server.kill('SIGKILL'))
  const [first] = await once(createInterface({ input: server.stdout }), 'line')
  const ready: Readonly<Record<string, string>> = JSON.parse(String(first))
  const endpoint = ready['controlHttp'] ?? ''
  const region = ready['region'] ?? ''
  const credentials = { accessKeyId: ready['accessKeyId'] ?? '', secretAccessKey: ready['secretAccessKey'] ?? '' }

  // Only what must not be in it is kept of the log: ten minutes of it are long.
  const secrets = [credentials.secretAccessKey, PAYLOAD_MARK, 'PRIVATE KEY', 'AWS4-HMAC', 'Signature=']
  const told: string[] = []
  createInterface({ input: server.stderr }).on('line', (line) => {
    const isBad = secrets.some((secret) => line.includes(secret)) || !/^\{"t":.*\}$/.test(line)
    if (told.length < 20 && (isBad || line.includes('"level":"error"'))) told.push(line)
  })

  const foreign = await tokensOfAnotherAccount(endpoint, region, credentials)
  const report = await fuzzControlPlane({
    port: Number(new URL(endpoint).port),
    host: new URL(endpoint).host,
    signing: { credentials, region },
    foreignTokens: foreign,
    own: await ownOperations(endpoint),
    seed: SEED,
    seconds: SECONDS,
  })
  context.diagnostic(`${report.requests} requests, seed ${SEED}, ${report.performed.size} operations performed`)
  if (process.env['FUZZ_SECONDS'] !== undefined)
    for (const [what, count] of [...report.answers].toSorted(([left], [right]) => (left < right ? -1 : 1)))
      context.diagnostic(`${what}: ${count}`)

  assert.equal(server.exitCode, null, 'the server is up')
  const health = await fetch(`${endpoint}/v1/health`)
  assert.deepEqual(await health.json(), { status: 'ok' })
  assert.deepEqual(told, [])
  assert.ok(report.performed.size > 20, 'the requests reach the operations')
  server.kill('SIGTERM')
  assert.deepEqual(await once(server, 'exit'), [0, null])
})

/** Reads which operations our own API has; what opens accounts is left out, for each would stay. */
async function ownOperations(endpoint: string): Promise<readonly OwnOperation[]> {
  const document: OpenApi = JSON.parse(await (await fetch(`${endpoint}/v1/openapi.json`)).text())
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [], requestBody }]) => {
      if ((path.startsWith('/v1/accounts') && method !== 'get') || TOLD_TO_ALL.test(path)) return []
      const properties = requestBody?.content?.['application/json']?.schema?.properties ?? {}
      return [
        {
          method: method.toUpperCase(),
          path,
          names: [...parameters.map(({ name }) => name), ...Object.keys(properties)],
        },
      ]
    }),
  )
}

/** What strangers are told, whatever is wrong with their request. */
const TOLD_TO_ALL = /^\/v1\/(?:health|ready|claim-page|openapi\.json|reports)/

/** What is read of an OpenAPI document. */
interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
}

interface OpenApiOperation {
  readonly parameters?: readonly { readonly name: string }[]
  readonly requestBody?: {
    readonly content?: Readonly<Record<string, { readonly schema?: { readonly properties?: object } }>>
  }
}

/** Gives tokens of pages of an account of its own. */
async function tokensOfAnotherAccount(
  endpoint: string,
  region: string,
  credentials: { readonly accessKeyId: string; readonly secretAccessKey: string },
): Promise<readonly string[]> {
  const env = {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
  const { stdout } = await runBirthmark(['accounts', 'create', '--json'], { env })
  const { accessKey } = JSON.parse(stdout)
  const client = iotClient({ ...accessKey, endpoint, region })
  for (const thingName of ['x', 'y', 'z']) await client.send(new CreateThingCommand({ thingName }))
  const { nextToken = '' } = await client.send(new ListThingsCommand({ maxResults: 1 }))
  client.destroy()
  return [nextToken]
}
