import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Blame, Fault, faults, messageOf, type Raise } from '@birthmark/foundation/kernel'

export const PROCESS_FAULTS = {
  PROCESS_DID_NOT_START: {
    blame: 'operator',
    message: 'birthmark {command} did not start: {why}',
    remedy: 'Mend what it says, then run the command again.',
  },
} as const
const processFault: Raise<typeof PROCESS_FAULTS> = faults(PROCESS_FAULTS)

/** A `birthmark` command that runs beside this one. */
export interface Companion {
  /** The line of JSON that it printed when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>
  readonly pid: number
  /** Resolves with its exit status, `null` when a signal ended it. */
  readonly ended: Promise<number | null>
  /** Asks it to stop and waits until it has. */
  stop(): Promise<void>
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>
}

/** Options of a command by their long names; several values repeat after the name. */
export type CommandOptions = Readonly<Record<string, string | number | readonly string[]>>

/**
 * Starts a `birthmark` command in a process of its own and waits for its ready line. The process sees its standard
 * input end when this one does, however it ends, and stops then.
 *
 * @throws the fault that kept the command from starting, as it told it; `PROCESS_DID_NOT_START` when it told none
 */
export async function startCompanion(words: readonly string[], options: CommandOptions): Promise<Companion> {
  const named = Object.entries(options).flatMap(([name, value]) => [`--${name}`, ...[value].flat().map(String)])
  const args = [BIRTHMARK, ...words, ...named, '--until-input-ends', '--json']
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = endOf(child)
  const signal = async (name: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(name)
    await ended
  }
  const stop = (): Promise<void> => signal('SIGTERM')
  running.add(stop)
  void ended.then(() => running.delete(stop))
  const ready = await readyLine(child, ended, words.join(' ')).catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return { ready, pid: child.pid ?? 0, ended, stop, kill: () => signal('SIGKILL') }
}

/** Stops every companion that runs, also those that are not ready yet, and waits until they have ended. */
export async function stopCompanions(): Promise<void> {
  await Promise.all(Array.from(running, (stop) => stop()))
}

const running = new Set<() => Promise<void>>()

/** Resolves with the exit status of a process, `null` when a signal ended it or it never was. */
function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', (error) => {
      child.stderr?.emit('data', messageOf(error))
      resolve(null)
    })
  })
}

async function readyLine(
  child: ChildProcess,
  ended: Promise<number | null>,
  command: string,
): Promise<Readonly<Record<string, unknown>>> {
  if (child.stdout === null || child.stderr === null)
    throw processFault('PROCESS_DID_NOT_START', { command, why: 'no pipes' })
  let said = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (text: string) => {
    said = (said + text).slice(-SAID_CHARACTERS_MAX)
  })
  const line = new Promise<string>((resolve) => {
    if (child.stdout !== null) createInterface(child.stdout).once('line', resolve)
  })
  const first = await Promise.race([line, ended])
  if (typeof first !== 'string') throw processFault('PROCESS_DID_NOT_START', { command, why: lastSentence(said) })
  return parseReady(first, command)
}

function parseReady(line: string, command: string): Readonly<Record<string, unknown>> {
  const value = parseJson(line)
  if (typeof value !== 'object' || value === null) throw processFault('PROCESS_DID_NOT_START', { command, why: line })
  if ('error' in value) throw toldFault(value.error) ?? processFault('PROCESS_DID_NOT_START', { command, why: line })
  return { ...value }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Gives the fault that a companion told in its JSON document. */
function toldFault(error: unknown): Fault | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, blame, message, remedy }: Readonly<Record<string, unknown>> = { ...error }
  if (typeof code !== 'string' || typeof message !== 'string' || typeof remedy !== 'string') return undefined
  return new Fault(code, { blame: isBlame(blame) ? blame : 'bug', message, remedy })
}

function isBlame(text: unknown): text is Blame {
  return typeof text === 'string' && BLAMES.includes(text)
}

/** Gives the last thing that a companion said; of a crash the line that names the error, not the stack below it. */
function lastSentence(said: string): string {
  const lines = said.trim().split('\n')
  const line = lines.findLast((text) => /^(birthmark: |\w*Error\b)/.test(text)) ?? lines.at(-1) ?? ''
  return line.replace(/^birthmark: /, '') || 'it ended without a word'
}

const BIRTHMARK = fileURLToPath(new URL('bin/birthmark.js', import.meta.url))
/** How much of what a companion says is kept for its failure, in characters: enough for its last sentences. */
const SAID_CHARACTERS_MAX = 4_096
const BLAMES: readonly string[] = ['peer', 'caller', 'operator', 'busy', 'bug'] satisfies Blame[]
