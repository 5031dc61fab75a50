import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import { type ClientEvent, type ClientState, canSend, isHandshake, nextState, TRANSITIONS } from './states.ts'

const STATES = Object.keys(TRANSITIONS) as ClientState[]
const EVENTS = [...new Set(STATES.flatMap((state) => Object.keys(TRANSITIONS[state]) as ClientEvent[]))]

/** The states that a connection can come to from START. */
function reachable(): ReadonlySet<ClientState> {
  const seen = new Set<ClientState>(['START'])
  for (const state of seen) for (const next of Object.values(TRANSITIONS[state])) seen.add(next)
  return seen
}

test('every state is reached, and CLOSED is final', () => {
  assert.deepEqual([...reachable()].sort(), [...STATES].sort())
  assert.deepEqual(TRANSITIONS.CLOSED, {})
})

test('every pair of state and event leads somewhere or is refused by name', () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const next = TRANSITIONS[state][event]
      if (next !== undefined) assert.equal(nextState(state, event), next)
      else
        assert.throws(
          () => nextState(state, event),
          (error) => isFault(error, 'TLS_MESSAGE_UNEXPECTED'),
        )
    }
  }
})

test('versions do not mix once ServerHello has chosen', () => {
  for (const state of STATES.filter((each) => each.endsWith('_12'))) {
    for (const next of Object.values(TRANSITIONS[state])) assert.ok(!next.endsWith('_13'), `${state} -> ${next}`)
  }
  for (const state of STATES.filter((each) => each.endsWith('_13'))) {
    for (const next of Object.values(TRANSITIONS[state])) assert.ok(!next.endsWith('_12'), `${state} -> ${next}`)
  }
})

test('no way to CONNECTED leads around the proof of the server’s key and its Finished', () => {
  const paths: readonly (readonly [ClientState, ClientEvent])[] = [
    ['ANSWERING_13', 'answered'],
    ['WAIT_FINISHED_12', 'finished'],
  ]
  const into = STATES.flatMap((state) =>
    EVENTS.filter((event) => {
      const next = TRANSITIONS[state][event]
      return next?.startsWith('CONNECTED') && !state.startsWith('CONNECTED')
    }).map((event) => [state, event] as const),
  )
  assert.deepEqual(into, paths)
  const before = (target: ClientState): readonly string[] =>
    STATES.filter((state) => state !== target && Object.values(TRANSITIONS[state]).includes(target))
  assert.deepEqual(before('ANSWERING_13'), ['WAIT_FINISHED_13'])
  assert.deepEqual(before('WAIT_FINISHED_13'), ['WAIT_CERTIFICATE_VERIFY_13'])
  assert.deepEqual(before('WAIT_REQUEST_OR_DONE_12'), ['WAIT_SERVER_KEY_EXCHANGE_12'])
})

test('data is sent in no state of the handshake', () => {
  assert.deepEqual(STATES.filter(canSend), ['CONNECTED_13', 'PEER_CLOSED_13', 'CONNECTED_12'])
  assert.ok(!STATES.some((state) => canSend(state) && isHandshake(state)))
})
