import { join } from 'node:path'
import { messageOf } from '@birthmark/foundation/kernel'
import { makeFolder, readTextFile, replaceFile } from '@birthmark/foundation/system'
import { agentFault } from './faults.ts'
import { type CurrentIdentity, EMPTY_JOURNAL, type Journal, type Offered, type Pending, type Place } from './journal.ts'

/** A journal on disk: each change is flushed before the act that it is about, and readable by its owner only. */
export class JournalFile {
  readonly path: string
  #journal: Journal

  private constructor(path: string, journal: Journal) {
    this.path = path
    this.#journal = journal
  }

  /** Opens the journal of a data folder, which is made. @throws `AGENT_STATE_DAMAGED`, faults of the file system */
  static open(folder: string): JournalFile {
    const path = join(makeFolder(folder), 'agent.json')
    const text = readTextFile(path)
    return new JournalFile(path, text === undefined ? EMPTY_JOURNAL : parseJournal(text, path))
  }

  get journal(): Journal {
    return this.#journal
  }

  /** Makes `journal` what is remembered. */
  write(journal: Journal): void {
    replaceFile(this.path, `${JSON.stringify({ [FORMAT]: 1, ...journal }, undefined, 2)}\n`, { mode: 0o600 })
    this.#journal = journal
  }
}

function parseJournal(text: string, path: string): Journal {
  try {
    const fields = record(JSON.parse(text), 'the file')
    if (fields[FORMAT] !== 1) throw new TypeError(`it has no member ${FORMAT} of 1`)
    const { current, pending } = fields
    return {
      current: current === undefined ? undefined : readCurrent(record(current, 'current')),
      pending: pending === undefined ? undefined : readPending(record(pending, 'pending')),
      closing: idsOf(fields['closing'], 'closing'),
      ignored: idsOf(fields['ignored'], 'ignored'),
    }
  } catch (error) {
    throw agentFault('AGENT_STATE_DAMAGED', { path, why: messageOf(error) }, error)
  }
}

type Fields = Readonly<Partial<Record<string, unknown>>>

function readCurrent(fields: Fields): CurrentIdentity {
  const { place, certificateId, thingName } = fields
  return {
    place: placeOf(place),
    certificateId: certificateIdOf(certificateId, 'current'),
    ...(thingName === undefined ? {} : { thingName: textOf(thingName, 'thingName') }),
  }
}

function readPending(fields: Fields): Pending {
  const { step, token, thingName } = fields
  const place = placeOf(fields['place'])
  if (step === 'making') return { step, place }
  const offered: Offered = {
    place,
    certificateId: certificateIdOf(fields['certificateId'], 'pending'),
    certificatePem: textOf(fields['certificatePem'], 'certificatePem'),
  }
  if (step === 'offered') return { step, ...offered, token: textOf(token, 'token') }
  if (step !== 'provisioned') throw new TypeError('pending has an unknown step')
  return { step, ...offered, ...(thingName === undefined ? {} : { thingName: textOf(thingName, 'thingName') }) }
}

function idsOf(value: unknown, what: string): readonly string[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is no list`)
  return value.map((id: unknown) => certificateIdOf(id, what))
}

function record(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new TypeError(`${what} is no object`)
}

function placeOf(value: unknown): Place {
  if (value === 'first' || value === 'second') return value
  throw new TypeError('a place is neither first nor second')
}

function textOf(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new TypeError(`${what} is no text`)
}

function certificateIdOf(value: unknown, what: string): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value
  throw new TypeError(`${what} names no certificate`)
}

const FORMAT = 'birthmark-agent'
