/** The program of a worker; its argument is where Node keeps what it has made of the sources, if anywhere. */
import { enableCompileCache } from 'node:module'

const [, , cache = ''] = process.argv
if (cache !== '') enableCompileCache(cache)
await import('./serve-worker.ts')
