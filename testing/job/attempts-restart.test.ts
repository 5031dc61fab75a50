import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { type DemoCloud, readAttempts, startCloud } from 'birthmark/parts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('a refused attempt can be asked for after the server was stopped and started', async (context) => {
  const folder = join(await scratchFolder(context), 'cloud')
  const first = await startCloud(folder)
  context.after(() => first.process.kill())
  await comeWithoutCertificate(first)
  const [refused] = await readAttempts(first.access, { outcome: 'refused' })
  assert.equal(refused?.cause?.code, 'NO_CLIENT_CERTIFICATE')
  await first.process.stop()
  const second = await startCloud(folder, undefined, first.access.secretAccessKey)
  context.after(() => second.process.kill())
  const [kept] = await readAttempts(second.access, { outcome: 'refused' })
  assert.deepEqual(kept, refused)
  await second.process.stop()
})

/** Sends a CONNECT over TLS without showing a certificate, and waits for the end. */
async function comeWithoutCertificate(cloud: DemoCloud): Promise<void> {
  const { port } = cloud.mqtt
  const socket = connect({ host: 'localhost', port, servername: 'localhost', ca: readFileSync(cloud.rootPath) })
  socket.on('error', () => undefined)
  socket.resume()
  await once(socket, 'secureConnect')
  socket.write(Buffer.from('\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab', 'latin1'))
  await once(socket, 'close')
}
