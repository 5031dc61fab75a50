import { ATTEMPTS_LISTED_DEFAULT, ATTEMPTS_LISTED_MAX } from '../limits.ts'
import type { Given } from './fields.ts'
import type { OwnOperation } from './operation.ts'

/** Most entries of the audit log that one answer lists; a larger `limit` is refused with InvalidRequestException. */
const AUDIT_LISTED_MAX = 1000
/** Entries that an answer lists when `limit` is absent. */
const AUDIT_LISTED_DEFAULT = 100

/** What happened: connections, and changes. */
export const READ_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadAttempts',
    method: 'GET',
    path: '/v1/attempts',
    summary: 'Lists connections with every step they went through and the reason they ended, newest first.',
    changes: false,
    fields: {
      certificateId: { type: 'string', description: 'only connections with this certificate' },
      clientId: { type: 'string', description: 'only connections of this MQTT client' },
      outcome: { type: 'string', values: ['open', 'refused', 'ended'], description: 'only these' },
      limit: limit(ATTEMPTS_LISTED_MAX, ATTEMPTS_LISTED_DEFAULT),
    },
    answers: { attempts: 'moments and spans are in milliseconds; see attempts.md for the causes' },
    async perform({ given, caller: { scope }, options: { attempts } }) {
      const { outcome } = { outcome: OUTCOMES.find((known) => known === given.text('outcome')) }
      const filter = {
        ...optional(given, 'certificateId'),
        ...optional(given, 'clientId'),
        ...(outcome === undefined ? {} : { outcome }),
      }
      const limit = given.integer('limit') ?? ATTEMPTS_LISTED_DEFAULT
      return { attempts: await attempts.list({ ...filter, limit, scope }) }
    },
  },
  {
    name: 'ReadAudit',
    method: 'GET',
    path: '/v1/audit',
    summary: "Lists the changes that were made or attempted in the account's regions, newest first.",
    changes: false,
    fields: {
      accessKeyId: { type: 'string', description: 'only what this key signed' },
      action: { type: 'string', description: 'only this action, for example iot:CreateThing' },
      outcome: { type: 'string', values: ['done', 'denied', 'refused', 'failed'], description: 'only these' },
      before: { type: 'integer', min: 1, description: 'only entries with a lower sequence: the rest of a list' },
      limit: limit(AUDIT_LISTED_MAX, AUDIT_LISTED_DEFAULT),
    },
    answers: { entries: 'each with sequence, at (ms), who, what, from where, outcome and, if not done, code' },
    async perform({ given, caller: { scope }, whole }) {
      const outcome = AUDIT_OUTCOMES.find((known) => known === given.text('outcome'))
      const before = given.integer('before')
      const entries = await whole.audit(scope.account, {
        limit: given.integer('limit') ?? AUDIT_LISTED_DEFAULT,
        ...optional(given, 'accessKeyId'),
        ...optional(given, 'action'),
        ...(before === undefined ? {} : { before }),
        ...(outcome === undefined ? {} : { outcome }),
      })
      return { entries }
    },
  },
  {
    name: 'ReadMetrics',
    method: 'GET',
    path: '/v1/metrics',
    summary: "Gives the server's metrics in Prometheus's text format.",
    changes: false,
    fields: {},
    answers: { text: 'the text; the answer is text/plain' },
    plain: true,
    perform: async ({ options }) => ({ text: options.metrics?.() ?? '' }),
  },
]

function optional<Name extends string>(given: Given, name: Name): { readonly [Key in Name]?: string } {
  const value = given.text(name)
  const members: { [Key in Name]?: string } = {}
  if (value !== undefined) members[name] = value
  return members
}

function limit(max: number, usual: number): OwnOperation['fields'][string] {
  return { type: 'integer', min: 1, max, description: `at most so many; ${usual} when absent` }
}

const OUTCOMES = ['open', 'refused', 'ended'] as const
const AUDIT_OUTCOMES = ['done', 'denied', 'refused', 'failed'] as const
