import { Fault, messageOf } from '@birthmark/foundation/kernel'
import { CommanderError } from 'commander'

/** Where a command speaks: machines read standard output, people read standard error. */
export interface Output {
  /** Writes one JSON document, on one line, to standard output; nothing without `--json`. */
  json(document: unknown): void
  /** Writes one line for people. */
  say(line?: string): void
  readonly jsonWanted: boolean
  /** Whether people look at a terminal, where a line may be drawn anew. */
  readonly terminal: boolean
}

/** Gives the output of this process. */
export function processOutput(options: { readonly json: boolean }): Output {
  return {
    jsonWanted: options.json,
    terminal: process.stderr.isTTY,
    json: (document) => {
      if (options.json) process.stdout.write(`${JSON.stringify(document)}\n`)
    },
    say: (line = '') => {
      process.stderr.write(`${printable(line)}\n`)
    },
  }
}

/** What a failed command says: one sentence on what is wrong, one on what to do; the stack only when asked for. */
export function failureText(error: unknown, trace: boolean): string {
  const lines = [`birthmark: ${sentence(messageOf(error))}`]
  if (error instanceof Fault) lines[0] += ` ${error.remedy}`
  else lines.push('This is a fault of Birthmark itself: run it again with --trace and report what it prints.')
  if (trace) lines.push(...traceOf(error))
  return printable(lines.join('\n'))
}

/**
 * Gives a text as a terminal may show it: what strangers chose, such as a client id in an attempt, can then not move
 * the cursor, hide lines or turn words around. Line feeds and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll(TERMINAL_CONTROLS, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Unicode's control characters (category Cc) but line feed and tab, and those that turn the writing direction. */
const TERMINAL_CONTROLS = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu

/** What a failed command says to machines. */
export function failureDocument(error: unknown): { readonly error: Readonly<Record<string, string>> } {
  if (error instanceof Fault) {
    const { code, blame, message, remedy, context } = error
    const { executed } = context
    // Whether a chip may have carried the command out: yes, no or unknown.
    return { error: { code, blame, message, remedy, ...(typeof executed === 'string' ? { executed } : {}) } }
  }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '')
    return { error: { code: 'USAGE_WRONG', blame: 'caller', message, remedy: 'Add --help for the options.' } }
  }
  return { error: { code: 'UNEXPECTED', blame: 'bug', message: messageOf(error), remedy: 'Report this.' } }
}

function sentence(text: string): string {
  // A word is made a beginning; a path, a name or a number stays what it is.
  const capital = /^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text
  return /[.!?]$/.test(capital) ? capital : `${capital}.`
}

function* traceOf(error: unknown): Generator<string> {
  for (let at = error; at instanceof Error; at = at.cause) yield at.stack ?? at.message
}
