import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { isFault } from '@birthmark/foundation/kernel'
import fc from 'fast-check'
import {
  advance,
  EMPTY_JOURNAL,
  JOURNAL_TRANSITIONS,
  type Journal,
  type JournalEvent,
  type JournalStep,
  resetJournal,
  stepOf,
} from './journal.ts'
import { AGENT_TRANSITIONS, type AgentEvent, type AgentState, chooseWay, nextAgentState } from './states.ts'
import { stateDiagram } from './testing/diagram.ts'

const REFERENCE = new URL('../../../docs/reference/agent-states.md', import.meta.url)
const id = (digit: number): string => String(digit).repeat(64).slice(0, 64)

test('the diagrams in the reference are those of the tables', () => {
  const text = readFileSync(REFERENCE, 'utf8')
  for (const [name, table] of [
    ['agent', AGENT_TRANSITIONS],
    ['certificate', JOURNAL_TRANSITIONS],
  ] as const) {
    const diagram = stateDiagram(table)
    assert.ok(text.includes(diagram), `docs/reference/agent-states.md must have for the ${name}:\n${diagram}`)
  }
})

test('every state can be reached, and nothing leads out of stopped', () => {
  const reached = new Set<AgentState>(['starting'])
  for (const state of reached) for (const next of Object.values(AGENT_TRANSITIONS[state])) reached.add(next)
  assert.deepEqual([...reached].toSorted(), Object.keys(AGENT_TRANSITIONS).toSorted())
  assert.deepEqual(AGENT_TRANSITIONS.stopped, {})
})

test('a pair that the table lacks is refused', () => {
  const events: readonly AgentEvent[] = ['wait', 'acquire', 'close', 'connect', 'done', 'connected', 'lost', 'rested']
  for (const event of events) {
    assert.throws(
      () => nextAgentState('stopped', event),
      (error) => isFault(error, 'AGENT_EVENT_UNEXPECTED'),
    )
  }
  assert.equal(nextAgentState('resting', 'rested'), 'starting')
})

test('the way is chosen by what the device holds', () => {
  const none = { isAcquiring: false, hasOld: false, hasCertificate: false, hasClaim: false, canReceive: false }
  assert.equal(chooseWay({ ...none, isAcquiring: true, hasOld: true, hasCertificate: true }), 'acquire')
  assert.equal(chooseWay({ ...none, hasOld: true, hasCertificate: true }), 'close')
  assert.equal(chooseWay({ ...none, hasCertificate: true, hasClaim: true, canReceive: true }), 'connect')
  assert.equal(chooseWay({ ...none, hasClaim: true, canReceive: true }), 'acquire')
  assert.equal(chooseWay({ ...none, canReceive: true }), 'wait')
  assert.throws(
    () => chooseWay(none),
    (error) => isFault(error, 'DEVICE_HOLDS_NOTHING'),
  )
})

const offer = (digit: number): JournalEvent => ({
  do: 'offer',
  certificateId: id(digit),
  certificatePem: 'PEM',
  token: 'token',
})

function after(...events: readonly JournalEvent[]): Journal {
  return events.reduce(advance, EMPTY_JOURNAL)
}

test('a first certificate, and its successor in the other place', () => {
  const born = after({ do: 'begin' }, offer(1), { do: 'provision', thingName: 'meter' }, { do: 'prove' })
  assert.deepEqual(born.current, { place: 'first', certificateId: id(1), thingName: 'meter' })
  assert.equal(stepOf(born), 'settled')
  const next = [{ do: 'begin' }, offer(2), { do: 'provision' }, { do: 'prove' }] as const
  const rotated = next.reduce<Journal>(advance, born)
  assert.deepEqual(rotated.current, { place: 'second', certificateId: id(2), thingName: 'meter' })
  assert.deepEqual(rotated.closing, [id(1)])
  const closed = advance(rotated, { do: 'closed', certificateId: id(1) })
  assert.deepEqual([stepOf(closed), closed.ignored], ['settled', [id(1)]])
  assert.deepEqual(resetJournal(closed), { ...EMPTY_JOURNAL, ignored: [id(1), id(2)] })
})

test('what cannot be had is closed, and the device stays who it was', () => {
  const current = { place: 'first', certificateId: id(7) } as const
  const left = after({ do: 'begin', replaced: current }, offer(1), { do: 'abandon' })
  assert.deepEqual(left, { current, pending: undefined, closing: [id(1)], ignored: [] })
})

test('whatever happens, the certificate in use is on no list, and none that may be active is forgotten', () => {
  const events = fc.constantFrom<JournalEvent['do']>('begin', 'offer', 'provision', 'abandon', 'prove', 'closed')
  fc.assert(
    fc.property(fc.array(events, { maxLength: 60 }), (names) => {
      let journal = EMPTY_JOURNAL
      let made = 0
      const open = new Set<string>()
      for (const name of names) {
        const certificateId = name === 'offer' ? (made + 1).toString(16).padStart(64, '0') : (journal.closing[0] ?? '')
        const event: JournalEvent =
          name === 'offer'
            ? { do: name, certificateId, certificatePem: 'PEM', token: 't' }
            : name === 'closed'
              ? { do: name, certificateId }
              : { do: name }
        const from: JournalStep = stepOf(journal)
        if (JOURNAL_TRANSITIONS[from][name] === undefined) {
          const before = journal
          assert.throws(
            () => advance(before, event),
            (error) => isFault(error, 'AGENT_EVENT_UNEXPECTED'),
          )
          continue
        }
        journal = advance(journal, event)
        if (name === 'offer') {
          made += 1
          open.add(certificateId)
        }
        if (name === 'closed') open.delete(certificateId)
        const { current, pending, closing, ignored } = journal
        const known = [current?.certificateId, pending && 'certificateId' in pending && pending.certificateId]
        for (const one of open) assert.ok(known.includes(one) || closing.includes(one), `${one} is forgotten`)
        const used = current?.certificateId ?? 'none'
        assert.ok(!closing.includes(used) && !ignored.includes(used))
        assert.notEqual(pending?.place, current?.place ?? 'none')
      }
    }),
  )
})
