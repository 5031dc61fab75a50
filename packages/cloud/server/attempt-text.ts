import { type Attempt, isAttemptCauseCode, isAttemptStepName } from '@birthmark/cloud/front'
import { instant, millis } from '@birthmark/foundation/kernel'

/** Writes an attempt for the disk. */
export function writeAttempt(attempt: Attempt): string {
  return JSON.stringify(attempt)
}

/** Reads what {@link writeAttempt} wrote; `undefined` when it is something else, of a later version for example. */
export function readAttempt(text: string): Attempt | undefined {
  const value = parsed(text)
  const { listener, steps: listed } = value
  const startedAt = value['startedAt']
  if (listener !== 'mqtt' && listener !== 'https' && listener !== 'mqtt-plain') return undefined
  if (typeof startedAt !== 'number' || !Array.isArray(listed)) return undefined
  const steps = listed.map(readStep).filter((step) => step !== undefined)
  if (steps.length !== listed.length) return undefined
  return {
    id: textOf(value, 'id'),
    startedAt: instant(startedAt),
    remoteAddress: textOf(value, 'remoteAddress'),
    listener,
    account: textOf(value, 'account'),
    region: textOf(value, 'region'),
    sni: optionalText(value, 'sni'),
    alpn: optionalText(value, 'alpn'),
    tlsVersion: optionalText(value, 'tlsVersion'),
    certificateId: optionalText(value, 'certificateId'),
    clientId: optionalText(value, 'clientId'),
    steps,
    outcome: 'refused',
    cause: readCause(value['cause']),
  }
}

type Members = Readonly<Record<string, unknown>>

function parsed(text: string): Members {
  try {
    return membersOf(JSON.parse(text))
  } catch {
    return {}
  }
}

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {}
}

function readStep(value: unknown): Attempt['steps'][number] | undefined {
  const step = membersOf(value)
  const { after, step: name } = step
  if (typeof after !== 'number' || typeof name !== 'string' || !isAttemptStepName(name)) return undefined
  return { after: millis(after), step: name, detail: textOf(step, 'detail') }
}

function readCause(value: unknown): Attempt['cause'] {
  const cause = membersOf(value)
  const code = textOf(cause, 'code')
  if (!isAttemptCauseCode(code)) return undefined
  return { code, reason: textOf(cause, 'reason'), remedy: textOf(cause, 'remedy') }
}

function textOf(members: Members, name: string): string {
  return optionalText(members, name) ?? ''
}

function optionalText(members: Members, name: string): string | undefined {
  const value = members[name]
  return typeof value === 'string' ? value : undefined
}
