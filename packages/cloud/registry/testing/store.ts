import type { Registry } from '../registry.ts'

/** A store under test: what was committed to one opening is there at the next. */
export interface Store {
  open(): Promise<Registry>
  /** Called when the test is over and every opening is closed. */
  remove(): Promise<void>
}

/** Runs a test on a registry of its own, which is closed after it. */
export type OnRegistry = (
  name: string,
  body: (registry: Registry, reopen: () => Promise<Registry>) => Promise<void>,
) => void
