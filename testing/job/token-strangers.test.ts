/** Other users of the machine and the socket of a token server. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openTrustXToken, serveTokens } from '@birthmark/chip/cryptoki/adapters'
import { openVirtualChip, TrustX } from '@birthmark/chip/trust-x/adapters'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** Only root can become somebody else to try it. */
const skip = process.getuid?.() === 0 ? false : 'only root can try as another user'

test('another user cannot connect to the socket, though the folder is open to read', { skip }, async (context) => {
  const folder = await scratchFolder(context)
  chmodSync(folder, 0o755)
  const socket = join(folder, 'token.sock')
  const chip = await TrustX.open(await openVirtualChip())
  const server = await serveTokens(socket, [await openTrustXToken(chip)])
  context.after(async () => {
    await server.close()
    await chip.close()
  })
  assert.equal(connectAs(undefined, socket), 'connected')
  assert.equal(connectAs(NOBODY, socket), 'EACCES')
  chmodSync(socket, 0o666)
  assert.equal(connectAs(NOBODY, socket), 'connected', 'nothing but the mode of the socket was in the way')
})

/** Says what became of a connection. */
function connectAs(uid: number | undefined, socket: string): string {
  const script = `require('node:net').connect(${JSON.stringify(socket)})
    .on('connect', function () { console.log('connected'); this.destroy() })
    .on('error', (error) => console.log(error.code))`
  const user = uid === undefined ? {} : { uid, gid: uid }
  const { stdout } = spawnSync(process.execPath, ['-e', script], {
    ...user,
    encoding: 'utf8',
    cwd: '/',
    timeout: 30_000,
  })
  return stdout.trim()
}

const NOBODY = 65_534
