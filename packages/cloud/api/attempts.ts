import type { Attempt, AttemptFilter, AttemptSource } from '@birthmark/cloud/front'
import type { Scope } from '@birthmark/cloud/registry'
import { type Answer, jsonAnswer } from './engine/answer.ts'
import type { Target } from './engine/target.ts'
import { invalidRequest } from './exceptions.ts'
import { ATTEMPTS_LISTED_DEFAULT, ATTEMPTS_LISTED_MAX } from './limits.ts'

/**
 * Answers `GET /v1/attempts` for an account and region: `{"attempts": [...]}`, newest first. Parameters narrow:
 * `certificateId`, `clientId`,
 * `outcome` (`open`, `refused`, `ended`), `limit` (1 to 1000, 100 when absent). Moments and spans are milliseconds.
 *
 * @throws `InvalidRequestException` for a parameter that is unknown, repeated or not valid
 */
export function attemptsAnswer(attempts: AttemptSource, scope: Scope, query: Target['query']): Answer {
  return jsonAnswer({ attempts: attempts.list({ ...parseFilter(query), scope }) })
}

function parseFilter(query: Target['query']): AttemptFilter {
  const parameters = new Map(query.filter(([name]) => !name.startsWith('X-Amz-')))
  const unknown = [...parameters.keys()].some((name) => !PARAMETERS.has(name))
  if (unknown || parameters.size < query.filter(([name]) => !name.startsWith('X-Amz-')).length) {
    throw invalidRequest(`The parameters are ${[...PARAMETERS].join(', ')}, each at most once.`)
  }
  const certificateId = parameters.get('certificateId')
  const clientId = parameters.get('clientId')
  const outcome = parseOutcome(parameters.get('outcome'))
  return {
    ...(certificateId === undefined ? {} : { certificateId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(outcome === undefined ? {} : { outcome }),
    limit: parseLimit(parameters.get('limit')),
  }
}

function parseOutcome(text: string | undefined): Attempt['outcome'] | undefined {
  if (text === undefined || text === 'open' || text === 'refused' || text === 'ended') return text
  throw invalidRequest('outcome must be open, refused or ended.')
}

function parseLimit(text: string | undefined): number {
  if (text === undefined) return ATTEMPTS_LISTED_DEFAULT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit < 1 || limit > ATTEMPTS_LISTED_MAX) throw invalidRequest(`limit must be 1 to ${ATTEMPTS_LISTED_MAX}.`)
  return limit
}

const PARAMETERS: ReadonlySet<string> = new Set(['certificateId', 'clientId', 'outcome', 'limit'])
