import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import { ANY_PORTS } from './run-birthmark.ts'

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** A command of a guide that goes on until it is stopped. */
export interface Lasting {
  /** Which commands. */
  readonly command: RegExp
  /** What it says once it does its work. */
  readonly says: RegExp
  /** What gives it something to say; done again until it has. */
  readonly meanwhile?: () => Promise<void>
}

/** How the commands of a guide are run. */
export interface GuideRun {
  readonly folder: string
  /** Changes while commands run: a server that starts says where it is. */
  readonly env: Record<string, string>
  /** What stands in the guide for what only a run knows. */
  readonly fill: readonly (readonly [string, string])[]
  readonly lasting?: readonly Lasting[]
  /** What has to be there before a command. */
  readonly before?: readonly { readonly command: RegExp; readonly prepare: () => Promise<void> }[]
  /** Commands that this machine cannot run, by how they begin, with the reason. */
  readonly skipped?: Readonly<Record<string, string>>
  /** Hears of each server of the guide that is ready. */
  readonly whenReady?: (ready: Readonly<Record<string, string>>) => void
}

/**
 * Runs every command of a guide as it is written, in an empty folder. `birthmark server` takes any free port; it runs
 * until the next one starts or the guide ends; everything else ends with status 0, or says what it should.
 *
 * @returns all that was said
 */
export async function runGuide(guide: string, run: GuideRun): Promise<string> {
  const { env, before = [], lasting = [], skipped = {} } = run
  putCommands(run)
  const said: string[] = []
  const unused = new Set(Object.keys(skipped))
  let prelude = ''
  let server: Background | undefined
  try {
    for (const written of guideCommands(guide)) {
      const reason = Object.keys(skipped).find((begin) => written.startsWith(begin))
      if (reason !== undefined) {
        unused.delete(reason)
        continue
      }
      const command = run.fill.reduce((text, [placeholder, value]) => text.replaceAll(placeholder, value), written)
      for (const each of before) if (each.command.test(command)) await each.prepare()
      const script = `${prelude}${command}`
      if (SETTING.test(command)) prelude = `${script}\n`
      if (SERVING.test(command)) {
        await server?.stop()
        server = new Background(`${prelude}exec ${command}`, run)
        const [line] = await server.says(/^\{"ready":true.*\}$/m)
        if (!command.includes('birthmark server ')) continue
        const ready: Readonly<Record<string, string>> = JSON.parse(line)
        Object.assign(env, { AWS_ENDPOINT_URL: ready['controlHttp'] })
        run.whenReady?.(ready)
        continue
      }
      const found = lasting.find((each) => each.command.test(command))
      if (found === undefined) said.push(runToItsEnd(script, run))
      else said.push(await runUntilItSays(`${prelude}exec ${command}`, found, run))
    }
  } finally {
    await server?.stop()
  }
  assert.deepEqual([...unused], [], 'what is skipped is in the guide')
  return said.join('')
}

/** Gives a block of a guide by its language, the first one unless told. */
export function guideBlock(guide: string, language: string, index = 0): string {
  const block = guideBlocks(guide, language)[index]
  assert.ok(block !== undefined)
  return block
}

/** Gives all blocks of a guide in one language, in their order. */
export function guideBlocks(guide: string, language: string): readonly string[] {
  return blocksOf(guide).flatMap((block) => (block.language === language ? [block.text] : []))
}

function blocksOf(guide: string): readonly { readonly language: string; readonly text: string }[] {
  const text = readFileSync(join(REPOSITORY, 'docs/guides', `${guide}.md`), 'utf8')
  const found = text.matchAll(/^(?<indent> *)```(?<language>\w*)\n(?<block>.*?)^ *```$/gms)
  return Array.from(found, ({ groups: { indent = '', language = '', block = '' } = {} }) => ({
    language,
    text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))
}

/** Gives the commands of a guide; one may go over several lines. */
function guideCommands(guide: string): readonly string[] {
  const blocks = blocksOf(guide).filter(({ language }) => SHELLS.has(language))
  const commands = blocks.flatMap(({ text }) => text.replaceAll('\\\n', ' ').split('\n'))
  assert.ok(commands.length > 2)
  return commands.filter((command) => command !== '')
}

/** What goes on for the commands after it, until another one of these. */
const SERVING = /^(?:npx )?birthmark (?:server|token serve) /
/** Blocks of these languages are commands. */
const SHELLS = new Set(['sh', 'text', ''])
/** What holds for the commands after it too. */
const SETTING = /^(?:export |[A-Z0-9_]+=\S*$)/

/** Puts `npx` and `birthmark` where a shell looks first: they run the command of this clone. */
function putCommands({ folder, env }: GuideRun): void {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  const command = join(REPOSITORY, 'packages/cli/bin/birthmark.js')
  const birthmark = `exec "${process.execPath}" "${command}"`
  const server = `[ "$1" = server ] && shift && ${birthmark} server ${ANY_PORTS.join(' ')} --json "$@"`
  // With p11-kit a server speaks on its standard output.
  const token = `[ "$1" = token ] && [ "$2" = serve ] && [ "$3" != --stdio ] && ${birthmark} "$@" --json`
  const programs = { npx: 'shift; exec birthmark "$@"', birthmark: `${server}\n${token}\n${birthmark} "$@"` }
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  env['PATH'] = [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
}

function runToItsEnd(script: string, { folder, env }: GuideRun): string {
  const options = { cwd: folder, env: { ...process.env, ...env }, encoding: 'utf8', timeout: HANG_MS } as const
  const { error, status, stdout, stderr } = spawnSync('bash', ['--norc', '-eu', '-c', script], {
    ...options,
    input: '',
  })
  assert.equal(error, undefined, script)
  assert.equal(status, 0, `${script}\n${stderr}${stdout}`)
  return stdout + stderr
}

async function runUntilItSays(script: string, { says, meanwhile }: Lasting, run: GuideRun): Promise<string> {
  const background = new Background(script, run)
  let hasSaid = false
  const found = background.says(says).finally(() => (hasSaid = true))
  found.catch(() => undefined)
  while (!hasSaid) {
    // A client may connect once in a second.
    await pause(millis(1100))
    if (!hasSaid) await meanwhile?.()
  }
  const [text] = await found
  await background.end()
  return text
}

/** A command that goes on until it is stopped. */
class Background {
  readonly #script: string
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #said = ''

  constructor(script: string, { folder, env }: GuideRun) {
    this.#script = script
    this.#child = spawn('bash', ['--norc', '-eu', '-c', script], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const hear = (text: string): void => {
      this.#said += text
    }
    this.#child.stdout?.setEncoding('utf8').on('data', hear)
    this.#child.stderr?.setEncoding('utf8').on('data', hear)
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', resolve)
    })
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (let waited = 0; waited < HANG_MS; waited += LOOK_MS) {
      const found = pattern.exec(this.#said)
      if (found !== null) return found
      if (this.#child.exitCode !== null) break
      await pause(millis(LOOK_MS))
    }
    await this.end()
    assert.fail(`${this.#script}\ndoes not say ${pattern}: ${this.#said}`)
  }

  /** Stops it, which it does in order. */
  async stop(): Promise<void> {
    assert.equal(await this.end(), 0, `${this.#script}\n${this.#said}`)
  }

  async end(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    return this.#ended
  }
}

/** A command that takes longer hangs: a busy machine takes ten seconds to load one. */
const HANG_MS = 60_000
const LOOK_MS = 50
