import { writeSync } from 'node:fs'
import { silentLog } from '@birthmark/foundation/kernel'
import { systemClock } from '@birthmark/foundation/system'
import { openSqliteRegistry } from '../sqlite/index.ts'
import { deviceChanges } from './device-changes.ts'
import { SCOPE } from './records.ts'

/*
 * Run as a process of its own: provisions devices in the folder argv[2], from number argv[3] on, several at a time, and
 * writes the number of each one that was acknowledged on a line, until it is killed.
 */
const [, , folder = '', first = '1'] = process.argv
const registry = await openSqliteRegistry({ folder, clock: systemClock, log: silentLog })
const scoped = registry.in(SCOPE)

for (let n = Number(first); ; ) {
  const together = Array.from({ length: 1 + (n % 7) }, (_, index) => n + index)
  n += together.length
  await Promise.all(
    together.map(async (device) => {
      const result = await scoped.commit(deviceChanges(device))
      writeSync(1, `${result.ok ? device : `${device} was refused: ${result.reason}`}\n`)
    }),
  )
}
