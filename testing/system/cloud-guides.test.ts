/** The commands of the guides that need a running cloud, as they are written. Needs Debian's awscli. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServerCommand, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const GUIDES: readonly { readonly guide: string; readonly says: RegExp }[] = [
  { guide: 'clients', says: /press-7: meter\n1 things\./ },
  { guide: 'backup', says: /No difference\./ },
]

test('every command of the guides to AWS’s tools and to backups does its work', async (context) => {
  const folder = await scratchFolder(context)
  // What `npx birthmark` and the paths of the guides find in a clone.
  for (const name of ['node_modules', 'docs']) symlinkSync(join(REPOSITORY, name), join(folder, name))
  const server = await startServerCommand(join(folder, 'cloud'))
  const { controlHttp = '', region = '', accessKeyId = '', secretAccessKey = '' } = server.ready
  const env = {
    ...process.env,
    HOME: folder,
    AWS_ENDPOINT_URL: controlHttp,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_PAGER: '',
  }
  for (const { guide, says } of GUIDES) {
    const input = commandsOf(guide)
    const { status, stdout, stderr } = spawnSync('sh', ['-eu'], { cwd: folder, env, input, encoding: 'utf8' })
    assert.equal(status, 0, `${guide}: ${stderr}`)
    assert.match(stdout + stderr, says)
  }
  await stopsInOrder(server)
})

/** Gives the shell commands of a guide. */
function commandsOf(guide: string): string {
  const text = readFileSync(join(REPOSITORY, 'docs/guides', `${guide}.md`), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands)
  assert.ok(blocks.length >= 2)
  return blocks.join('')
}
