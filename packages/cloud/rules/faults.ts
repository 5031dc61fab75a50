import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with a topic rule. */
export const RULE_FAULTS = {
  RULE_SQL_MALFORMED: {
    blame: 'caller',
    message: 'the SQL of the rule is not understood at character {at}: {why}',
    remedy: "Write SELECT, a list, FROM, a quoted topic filter and, if wanted, WHERE: SELECT * FROM 'dt/+' WHERE a > 1",
    spec: 'AWS IoT Core developer guide, AWS IoT SQL reference',
  },
  RULE_ACTION_UNSUPPORTED: {
    blame: 'caller',
    message: 'the action {action} is not implemented; there are lambda and republish',
    remedy: 'Use one of these.',
  },
} as const

/** Makes a fault of {@link RULE_FAULTS}. */
export const ruleFault: Raise<typeof RULE_FAULTS> = faults(RULE_FAULTS)
