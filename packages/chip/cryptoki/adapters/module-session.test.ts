import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { isFault, seconds } from '@birthmark/foundation/kernel'
import { systemTimers } from '@birthmark/foundation/system'
import { type CallName, encodeFrame, encodeResponse, FrameReader, type ResponseArguments } from '../index.ts'
import { CryptokiConnection } from './connection.ts'
import { ModuleSession } from './module-session.ts'

type Answers = { readonly [Name in CallName]?: ResponseArguments<Name> }

/** A session on a module that answers calls, which come in this order, with these values. */
async function sessionOn(answers: Answers): Promise<ModuleSession> {
  const [input, output, reader] = [new PassThrough(), new PassThrough(), new FrameReader()]
  const queue = Object.entries(answers) as [CallName, never][]
  input.write(Uint8Array.of(2))
  let isGreeted = false
  output.on('data', (bytes: Uint8Array) => {
    reader.push(bytes)
    if (!isGreeted) reader.byte()
    isGreeted = true
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      const [name, values] = queue.shift() ?? assert.fail('a call that was not foreseen')
      input.write(encodeFrame({ code: frame.code, body: encodeResponse(name, values, 2) }, 'response'))
    }
  })
  const end = (): void => void input.end()
  const connection = new CryptokiConnection({ input, output, timers: systemTimers, patience: seconds(9), end })
  return ModuleSession.open(connection, 1n)
}

test('a search that finds more than anybody lists is refused, not cut short', async () => {
  const handles = (count: number): bigint[] => Array.from({ length: count }, (_, n) => BigInt(n + 1))
  const search = (count: number): Answers => ({
    OpenSession: [7n],
    FindObjectsInit: [],
    FindObjects: [handles(count)],
    FindObjectsFinal: [],
  })
  assert.equal((await (await sessionOn(search(8191))).find([])).length, 8191)
  const tooMany = (await sessionOn(search(8192))).find([])
  await assert.rejects(tooMany, (error) => isFault(error, 'CRYPTOKI_OBJECTS_TOO_MANY'))
})

test('an attribute of the wrong form ends the module', async () => {
  const session = await sessionOn({ OpenSession: [7n], GetAttributeValue: [[{ type: 0x11 }], 0n] })
  await assert.rejects(session.readBytes(3n, 0x11), (error) => isFault(error, 'CRYPTOKI_MESSAGE_INVALID'))
  assert.equal(session.isOver, true)
})
