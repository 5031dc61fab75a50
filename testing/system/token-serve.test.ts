import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const BIRTHMARK = fileURLToPath(new URL('../../packages/cli/bin/birthmark.js', import.meta.url))

interface Served {
  readonly label: string
  readonly socket: string
  stop(): Promise<number | null>
}

/** Starts `birthmark token serve` and waits for its ready line. */
async function serve(context: TestContext, words: readonly string[]): Promise<Served> {
  const child = spawn(process.execPath, [BIRTHMARK, 'token', 'serve', '--json', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const ready = JSON.parse(line) as { ready: boolean; label: string; socket: string }
  assert.equal(ready.ready, true)
  return {
    ...ready,
    stop: async () => {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      const [status] = (await ended) as [number | null]
      return status
    },
  }
}

/** What pkcs11-tool prints, through the client library that p11-kit finds by its name. */
function pkcs11Tool({ socket }: Served, ...words: readonly string[]): string {
  const env = { ...process.env, P11_KIT_SERVER_ADDRESS: `unix:path=${socket}` }
  const client = execFileSync('sh', ['-c', 'ls /usr/lib/*/pkcs11/p11-kit-client.so']).toString().trim()
  const done = spawnSync('pkcs11-tool', ['--module', client, ...words], { env, encoding: 'utf8' })
  if (done.error !== undefined) throw new Error('cannot start pkcs11-tool: install the Debian package opensc')
  return done.stdout + done.stderr
}

test('a served chip keeps its key from one start to the next, and stops on SIGTERM', async (context) => {
  const folder = await scratchFolder(context)
  const [chip, socket, pinFile] = ['meter.chip', 'meter.p11', 'pin'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeFileSync(pinFile, '4711\n', { mode: 0o600 })
  const first = await serve(context, ['--chip', chip, '--socket', socket, '--pin-file', pinFile])
  assert.equal(statSync(socket).mode & 0o777, 0o600)
  assert.match(pkcs11Tool(first, '--login', '--pin', '4710', '-O'), /CKR_PIN_INCORRECT/)
  const made = pkcs11Tool(
    first,
    '--login',
    '--pin',
    '4711',
    '--keypairgen',
    '--key-type',
    'EC:prime256v1',
    '--id',
    '01',
  )
  const point = /EC_POINT: +([0-9a-f]+)/.exec(made)?.[1]
  assert.ok(point !== undefined, made)
  assert.equal(await first.stop(), 0)
  const second = await serve(context, ['--chip', chip, '--socket', socket, '--label', 'meter'])
  assert.equal(second.label, 'meter')
  assert.match(pkcs11Tool(second, '-O', '--type', 'pubkey'), new RegExp(point))
  assert.equal(await second.stop(), 0)
})

/** Rows: words after `token serve --json --socket x`, the code of the failure. */
const REFUSALS: readonly (readonly [words: readonly string[], code: string])[] = [
  [[], 'TOKEN_CHIP_NOT_NAMED'],
  [['--chip', 'a', '--chip-socket', 'b'], 'TOKEN_CHIP_NOT_NAMED'],
  [['--chip', 'a', '--pin-file', 'absent'], 'TOKEN_PIN_UNUSABLE'],
]

for (const [words, code] of REFUSALS) {
  test(`token serve ${words.join(' ')} fails with ${code}`, async (context) => {
    const cwd = await scratchFolder(context)
    const all = [BIRTHMARK, 'token', 'serve', '--json', '--socket', 'x', ...words]
    const done = spawnSync(process.execPath, all, { cwd, encoding: 'utf8' })
    assert.equal(done.status, 1)
    assert.equal((JSON.parse(done.stdout) as { error: { code: string } }).error.code, code)
  })
}
