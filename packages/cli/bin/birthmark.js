#!/usr/bin/env node
// Plain JavaScript, so that an older Node can say what is wrong: the sources are TypeScript and need Node 24 or later.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { fileURLToPath } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
if (major >= 24) {
  // What Node makes of the sources is kept beside them: the next start takes half the time. Where it cannot be written,
  // nothing is kept.
  nodeModule.enableCompileCache(fileURLToPath(new URL('../.cache', import.meta.url)))
  const { main } = await import('../main.ts')
  await main(process.argv)
} else {
  const own = fileURLToPath(new URL('../../../node_modules/.bin/node', import.meta.url))
  if (!existsSync(own)) {
    process.stderr.write(
      `birthmark needs Node 24 or later and this is Node ${process.versions.node}: install a newer one.\n`,
    )
    process.exit(1)
  }
  const child = spawn(own, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`The project's own Node does not start (${error.message}): run 'make install'.\n`)
    process.exit(1)
  })
  child.on('exit', (status) => process.exit(status ?? 1))
}
