import type { CryptokiConnection } from './connection.ts'
import { ModuleKeyStore } from './module-key-store.ts'
import type { ModuleOptions } from './module-options.ts'
import { endModule, startModule } from './module-process.ts'
import { ModuleSession } from './module-session.ts'
import { chooseSlot } from './module-slots.ts'

/** A session on the chosen token, and the keys that were found in it. */
export interface Opened {
  readonly session: ModuleSession
  readonly keys: ModuleKeyStore
}

/** One run of a module: its process, and the session on the chosen token once somebody needs it. */
export class ModuleRun {
  readonly #options: ModuleOptions
  readonly #started: Promise<CryptokiConnection>
  #opened: Promise<Opened> | undefined
  #connection: CryptokiConnection | undefined
  #session: ModuleSession | undefined
  #hasFailed = false

  constructor(path: string, options: ModuleOptions) {
    this.#options = options
    this.#started = startModule(path, options)
    this.#started.then(
      (connection) => (this.#connection = connection),
      () => (this.#hasFailed = true),
    )
  }

  /** Whether the next call needs another run. */
  get isOver(): boolean {
    return this.#hasFailed || this.#connection?.isLost === true || this.#session?.isOver === true
  }

  /** Gives the module's process, initialised. */
  get connection(): Promise<CryptokiConnection> {
    return this.#started
  }

  /** Gives the session. @param login Is done on a session that is new. */
  opened(login: (session: ModuleSession) => Promise<void>): Promise<Opened> {
    if (this.#opened === undefined) {
      const opened = this.#open(login)
      this.#opened = opened
      opened.catch(() => (this.#opened = undefined))
    }
    return this.#opened
  }

  /** Ends the module; never fails. */
  async end(): Promise<void> {
    this.#hasFailed = true
    const connection = await this.#started.catch(() => undefined)
    if (connection !== undefined) await endModule(connection)
  }

  async #open(login: (session: ModuleSession) => Promise<void>): Promise<Opened> {
    const connection = await this.#started
    const session = await ModuleSession.open(connection, await chooseSlot(connection, this.#options))
    try {
      await login(session)
    } catch (error) {
      await session.close()
      throw error
    }
    this.#session = session
    return { session, keys: new ModuleKeyStore(session) }
  }
}
