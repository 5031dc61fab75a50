/** A software token under kill -9: what a program was told that it has, it has after a restart, whole. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pauseMs } from 'node:timers/promises'
import { CKA, CKM, CKO } from '@birthmark/chip/cryptoki'
import { type CryptokiConnection, createSoftwareToken } from '@birthmark/chip/cryptoki/adapters'
import { isFault } from '@birthmark/foundation/kernel'
import { startBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'
import { CHEAP, connectProgram, findObjects, generateKeyPair, openSession } from '../testkit/token-bench.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('keys that a software token acknowledged survive kills in mid-write', async (context) => {
  const folder = await scratchFolder(context)
  const file = join(folder, 'meter.token')
  await createSoftwareToken(file, { label: 'meter', pin: '4711', soPin: '87654321', cost: CHEAP })
  const acknowledged: string[] = []
  for (const aliveMs of [30, 80, 130, 200]) {
    const { kill, program, session } = await served(context, file, folder)
    const working = makeKeys(program, session, acknowledged)
    await pauseMs(aliveMs)
    kill()
    await working
  }
  const { kill, program, session } = await served(context, file, folder)
  assert.ok(acknowledged.length > 0)
  for (const label of acknowledged) {
    const template = [
      { type: CKA.CLASS, value: CKO.PRIVATE_KEY },
      { type: CKA.LABEL, value: text(label) },
    ]
    const [key] = await findObjects(program, session, template)
    assert.ok(key !== undefined, `${label} was acknowledged and is gone`)
    await program.call('SignInit', [session, { type: CKM.ECDSA }, key])
    await program.call('Sign', [session, new Uint8Array(32), 64])
  }
  kill()
})

/** Makes keys until the server is gone or full. */
async function makeKeys(program: CryptokiConnection, session: bigint, acknowledged: string[]): Promise<void> {
  for (;;) {
    const label = `key ${acknowledged.length} of many`
    try {
      await generateKeyPair(program, session, { template: [{ type: CKA.LABEL, value: text(label) }] })
      acknowledged.push(label)
    } catch (error) {
      if (isFault(error, 'CRYPTOKI_REFUSED')) assert.equal(error.context['code'], 'CKR_DEVICE_MEMORY')
      else assert.ok(isFault(error, 'CRYPTOKI_MODULE_LOST'), String(error))
      return
    }
  }
}

async function served(context: TestContext, file: string, folder: string) {
  const socket = join(folder, 'token.sock')
  const server = startBirthmark(['token', 'serve', '--software', file, '--socket', socket, '--json'])
  context.after(() => server.child.kill('SIGKILL'))
  await server.said(/"ready":true/)
  const program = await connectProgram(context, socket)
  const session = await openSession(program)
  await program.call('Login', [session, 1n, text('4711')])
  return { kill: () => server.child.kill('SIGKILL'), program, session }
}
