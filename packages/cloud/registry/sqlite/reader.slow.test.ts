import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import type { Registry } from '../registry.ts'
import { registrySuite } from '../testing/suite.ts'
import { openSqliteReader, openSqliteRegistry } from './index.ts'

/** What reads the file for itself and writes by way of another, with copies on the way as between processes. */
registrySuite('reader of a registry in SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-reader-'))
  return { open: () => openBoth(folder), remove: () => rm(folder, { recursive: true }) }
})

async function openBoth(folder: string): Promise<Registry> {
  const written = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
  const writer = {
    commit: async (...args: Parameters<typeof written.commit>) =>
      structuredClone(await written.commit(...structuredClone(args))),
    listen: (listener: Parameters<typeof written.onCommit>[0]) => {
      written.onCommit((scope, changes) => listener(structuredClone(scope), structuredClone(changes)))
    },
  }
  const reader = openSqliteReader(folder, writer, silentLog)
  const close = reader.close.bind(reader)
  reader.close = async () => {
    await close()
    await written.close()
  }
  return reader
}
