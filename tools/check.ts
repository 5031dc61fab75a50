/**
 * `npm run check`: everything that must hold before a change is handed in, at the same time. Prints a line for each
 * step when it is done and, at the end, what the failed ones had to say; exits with 1 when one failed.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

interface Step {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Where in the output what failed begins; absent when all of it is about that. */
  readonly failuresFrom?: string
}

interface Outcome extends Step {
  readonly ok: boolean
  readonly output: string
}

const ROOT = join(import.meta.dirname, '..')

/** All beside the sources but those that take seconds, which `make test` runs. */
const TEST_FILES = globSync(['packages/**/*.test.ts', 'tools/**/*.test.ts'], {
  cwd: ROOT,
  exclude: ['**/node_modules/**', '**/*.slow.test.ts'],
})

/** Node's own default leaves one core idle. */
const CONCURRENCY = `--test-concurrency=${availableParallelism()}`

/** Longest one test may take, in milliseconds, so that one that hangs fails and is named. */
const TEST_TIMEOUT_MS = 60_000

/** Node keeps what it makes of the sources: every test file loads the same ones. */
const ENVIRONMENT = { ...process.env, NODE_COMPILE_CACHE: join(ROOT, 'node_modules/.cache/compile') }

const STEPS: readonly Step[] = [
  { name: 'types', command: tool('tsc'), args: ['-p', 'tsconfig.json'] },
  { name: 'types of pure rooms', command: tool('tsc'), args: ['-p', 'tsconfig.pure.json'] },
  { name: 'lint', command: tool('oxlint'), args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', command: tool('biome'), args: ['check'] },
  {
    name: 'tests',
    command: process.execPath,
    args: ['--test', CONCURRENCY, '--test-reporter=spec', `--test-timeout=${TEST_TIMEOUT_MS}`, ...TEST_FILES],
    failuresFrom: 'failing tests:',
  },
]

const outcomes = await Promise.all(STEPS.map(run))
for (const failed of outcomes.filter(({ ok }) => !ok)) console.log(`\n--- ${failed.name} ---\n${failures(failed)}`)
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1

function run(step: Step): Promise<Outcome> {
  const startedAt = performance.now()
  const child = spawn(step.command, step.args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: ENVIRONMENT })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  return new Promise((resolve) => {
    const settle = (ok: boolean): void => {
      const time = ((performance.now() - startedAt) / 1000).toFixed(1)
      console.log(`${ok ? 'ok    ' : 'FAILED'} ${time.padStart(5)} s  ${step.name}`)
      resolve({ ...step, ok, output: Buffer.concat(output).toString() })
    }
    child.on('error', (error) => {
      output.push(Buffer.from(`${error.message}: run 'make install'`))
      settle(false)
    })
    child.on('close', (status) => {
      if (child.pid !== undefined) settle(status === 0)
    })
  })
}

function failures({ output, failuresFrom }: Outcome): string {
  const from = failuresFrom === undefined ? 0 : output.lastIndexOf(failuresFrom)
  return output.slice(Math.max(0, from)).trim()
}

function tool(name: string): string {
  return join(ROOT, 'node_modules/.bin', name)
}
