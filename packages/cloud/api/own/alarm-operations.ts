import { ALARM_RULES } from '@birthmark/cloud/abuse'
import type { OwnOperation } from './operation.ts'

/** Most alarms that one answer lists: as many as are kept. A larger `limit` is refused with InvalidRequestException. */
const ALARMS_LISTED_MAX = 1000
/** Alarms that an answer lists when `limit` is absent. */
const ALARMS_LISTED_DEFAULT = 100

/** What was noticed of claims that have leaked, and of keys that two devices have. */
export const ALARM_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadAlarms',
    method: 'GET',
    path: '/v1/alarms',
    summary: 'Lists the alarms since the server started, newest first; with `after`, the later ones oldest first.',
    changes: false,
    fields: {
      rule: { type: 'string', values: ALARM_RULES, description: 'only of this rule' },
      certificateId: { type: 'string', description: 'only about this certificate: a claim, or a device’s own' },
      after: { type: 'integer', min: 0, description: 'only those with a higher sequence' },
      limit: { type: 'integer', min: 1, max: ALARMS_LISTED_MAX, description: 'at most so many; 100 when absent' },
    },
    answers: {
      alarms: 'each with sequence, at (ms), account, region, rule, certificateId, reason, remedy, facts, action',
    },
    async perform({ given, caller: { scope }, options: { alarms } }) {
      const rule = ALARM_RULES.find((known) => known === given.text('rule'))
      const certificateId = given.text('certificateId')
      const after = given.integer('after')
      const found = alarms?.list({
        scope,
        limit: given.integer('limit') ?? ALARMS_LISTED_DEFAULT,
        ...(rule === undefined ? {} : { rule }),
        ...(certificateId === undefined ? {} : { certificateId }),
        ...(after === undefined ? {} : { after }),
      })
      return { alarms: found ?? [] }
    },
  },
]
