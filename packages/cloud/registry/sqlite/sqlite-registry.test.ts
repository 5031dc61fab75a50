import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { registrySuite } from '../testing/suite.ts'
import { openSqliteRegistry } from './index.ts'

registrySuite('registry in SQLite', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'birthmark-registry-'))
  return {
    open: () => openSqliteRegistry({ folder, clock: systemClock, log: silentLog }),
    remove: () => rm(folder, { recursive: true }),
  }
})
