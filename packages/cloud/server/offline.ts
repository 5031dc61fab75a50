import { join } from 'node:path'
import { callOffline } from '@birthmark/cloud/api'
import { openSqliteRegistry } from '@birthmark/cloud/registry/sqlite'
import { type Clock, type Entropy, messageOf, silentLog } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import { loadScope } from './account.ts'
import { serverFault } from './faults.ts'

/** Birthmark's own API on a data directory that no server has open. */
export interface OfflineApi {
  /** @throws `OFFLINE_REFUSED`, faults of the store */
  call(method: string, path: string, parameters: Readonly<Record<string, unknown>>): Promise<object>
  close(): Promise<void>
}

/**
 * Opens a data directory without serving it.
 *
 * @throws `DATA_FOLDER_EMPTY`, `SERVER_FILE_DAMAGED`, faults of the registry (a data directory in use, no rights)
 */
export async function openOffline(
  folder: string,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): Promise<OfflineApi> {
  if (readTextFile(join(folder, 'account.json')) === undefined) throw serverFault('DATA_FOLDER_EMPTY', { path: folder })
  const scope = loadScope(folder, '', entropy)
  const registry = await openSqliteRegistry({ folder: join(folder, 'registry'), clock, log: silentLog })
  return {
    close: () => registry.close(),
    async call(method, path, parameters) {
      try {
        return await callOffline({ registry, scope, clock, entropy }, { method, path, parameters })
      } catch (error) {
        if (!isRefusal(error)) throw error
        throw serverFault('OFFLINE_REFUSED', { operation: `${method} ${path}`, why: messageOf(error) }, error)
      }
    },
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name.endsWith('Exception')
}
