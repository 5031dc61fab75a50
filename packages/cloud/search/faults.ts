import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with a query. */
export const QUERY_FAULTS = {
  QUERY_INVALID: {
    blame: 'caller',
    message: 'the query is not valid at character {at}: {why}',
    remedy: 'Correct the query at the named place.',
    spec: 'AWS IoT Core developer guide, Query syntax (fleet indexing)',
  },
} as const
export const queryFault: Raise<typeof QUERY_FAULTS> = faults(QUERY_FAULTS)
