import type { Clock } from './ports.ts'

/** How loud an event is. Level follows blame: `peer` info, `busy` warn, `operator` and `bug` error. */
export type Level = 'debug' | 'info' | 'warn' | 'error'

/** The fields of one event. Never keys, PINs, tokens or payloads. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Writes events, not sentences: a name such as `front.connection` and its fields. */
export interface Log {
  write(level: Level, event: string, fields?: LogFields): void
}

/** Gives a log of JSON lines, `{"t","level","event",...fields}`, at `level` and above. */
export function jsonLog(clock: Clock, sink: (line: string) => void, level: Level = 'info'): Log {
  const threshold = LEVELS.indexOf(level)
  return {
    write(eventLevel, event, fields) {
      if (LEVELS.indexOf(eventLevel) < threshold) return
      const t = new Date(clock.now()).toISOString()
      sink(`${JSON.stringify({ t, level: eventLevel, event, ...fields })}\n`)
    },
  }
}

/** A log that forgets, for tests and tools that report otherwise. */
export const silentLog: Log = { write: () => undefined }

const LEVELS: readonly Level[] = ['debug', 'info', 'warn', 'error']
