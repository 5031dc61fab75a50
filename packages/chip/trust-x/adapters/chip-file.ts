import { readTextFile, replaceFile } from '@birthmark/foundation/system'
import type { ChipMemory } from '../memory.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { decodeMemory, encodeMemory } from './memory-text.ts'

/**
 * The file that a virtual chip lives in. Each change replaces it as a whole, so that a crash leaves the old memory or
 * the new. It holds private keys in the clear and belongs to its owner alone (mode 0600).
 */
export class ChipFile {
  readonly path: string
  readonly #lock: FileLock
  /** What the file held when it was opened; `undefined` when there was none. */
  readonly memory: ChipMemory | undefined

  private constructor(path: string, lock: FileLock, memory: ChipMemory | undefined) {
    this.path = path
    this.#lock = lock
    this.memory = memory
  }

  /**
   * Opens a chip's file for this process alone. A file that is not sound stays as it is.
   *
   * @throws `CHIP_FILE_IN_USE`, `CHIP_FILE_NOT_A_CHIP`, `CHIP_FILE_VERSION_UNKNOWN`, `CHIP_FILE_DAMAGED`, and the
   *   faults of the file system
   */
  static open(path: string): ChipFile {
    const lock = lockFile(path)
    try {
      const text = readTextFile(path)
      return new ChipFile(path, lock, text === undefined ? undefined : decodeMemory(text, path))
    } catch (error) {
      lock.release()
      throw error
    }
  }

  /** Makes `memory` what the file holds, also after a crash. */
  save(memory: ChipMemory): void {
    this.#lock.check()
    replaceFile(this.path, encodeMemory(memory), { mode: 0o600 })
  }

  /** Lets another process have it. */
  close(): void {
    this.#lock.release()
  }
}
