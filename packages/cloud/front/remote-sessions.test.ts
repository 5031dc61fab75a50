import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { CertificateId } from '@birthmark/cloud/registry'
import type { Begun, ClientSessions, LeftSession } from '@birthmark/cloud/sessions'
import { closed, connected } from './testing/mqtt-client.ts'
import { commit, idOf, now, openTestCloud, type TestCloud } from './testing/test-cloud.ts'

/** What may happen to a client while another process ends the connection before it. */

const NOTHING: Begun = { session: undefined, isPresent: false, kept: Promise.resolve() }

test('a client is let in when the other process says so', async (context) => {
  const { cloud, sessions } = await open(context)
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1' })
  const begun = await sessions.asked
  assert.equal(client.connected, false)
  begun.answer.resolve(NOTHING)
  await connected(client)
  await client.endAsync()
  await cloud.untilLogged('front.connection')
  assert.deepEqual(sessions.released, [begun.connectionId])
})

interface Waiting {
  readonly cloud: TestCloud
  readonly id: CertificateId
  readonly takeOver: () => void
}

const ENDINGS: Readonly<Record<string, (waiting: Waiting) => unknown>> = {
  CERTIFICATE_REVOKED: ({ cloud, id }) =>
    commit(cloud.scoped, [{ do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'REVOKED', at: now() }]),
  CLIENT_ID_TAKEN_OVER: ({ takeOver }) => takeOver(),
  SERVER_SHUTTING_DOWN: ({ cloud }) => void cloud.front.close(),
}
for (const [code, happen] of Object.entries(ENDINGS)) {
  test(`${code} while it waits: it never begins, and gives back what it was given`, async (context) => {
    const { cloud, sessions } = await open(context)
    const device = await cloud.registeredDevice('press-1')
    const client = cloud.client(device, { clientId: 'press-1' })
    const end = closed(client)
    const { answer, connectionId, takeOver } = await sessions.asked
    await happen({ cloud, takeOver, id: idOf(device.certificate) })
    answer.resolve(NOTHING)
    assert.equal((await cloud.attemptWith(code)).outcome, 'refused')
    await end
    assert.deepEqual(sessions.released, [connectionId])
  })
}

test('when the other process fails, the client is refused', async (context) => {
  const { cloud, sessions } = await open(context)
  const client = cloud.client(await cloud.registeredDevice('press-1'), { clientId: 'press-1' })
  const { answer } = await sessions.asked
  answer.reject(new Error('it is gone'))
  assert.equal((await cloud.attemptWith('SERVER_ERROR')).outcome, 'refused')
  client.end(true)
})

interface Asked {
  readonly connectionId: string
  readonly answer: PromiseWithResolvers<Begun>
  readonly takeOver: () => void
}

async function open(context: TestContext) {
  const asked = Promise.withResolvers<Asked>()
  const released: string[] = []
  const sessions: ClientSessions = {
    begin: (_accepted, connectionId, takeOver) => {
      const answer = Promise.withResolvers<Begun>()
      asked.resolve({ connectionId, answer, takeOver })
      return answer.promise
    },
    release: (connectionId: string, _left: LeftSession) => void released.push(connectionId),
  }
  const cloud = await openTestCloud(context, { sessions: { in: () => sessions } })
  return { cloud, sessions: { asked: asked.promise, released } }
}
