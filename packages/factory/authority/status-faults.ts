import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What can go wrong with telling others which certificates are revoked. */
export const STATUS_FAULTS = {
  DISTRIBUTION_INVALID: {
    blame: 'caller',
    message: '{what} cannot be written into certificates: {why}',
    remedy: 'Name an http: URL of at most 200 characters, without query and slash at its end, and a size in the range.',
    spec: 'RFC 5280 §4.2.1.13 and §8',
  },
  SHARD_UNKNOWN: {
    blame: 'caller',
    message: 'there is no shard {shard}; there are {count}',
    remedy: 'Name a shard that certificates were issued in; birthmark ca publish makes the lists of all of them.',
  },
  LIST_BASE_MISSING: {
    blame: 'caller',
    message: 'the shard {shard} has no full list that another could add to',
    remedy: 'Make the full list first.',
  },
  STATUS_INDEX_MISSING: {
    blame: 'operator',
    message: 'there is no index of certificates at {path}: {why}',
    remedy: 'Name the folder of an authority that was opened at least once by this version, readable for this user.',
  },
  RESPONDER_UNFIT: {
    blame: 'operator',
    message: 'the responder in {folder} cannot answer: {why}',
    remedy: 'Make a new one with birthmark ca responder, and start this process with it.',
  },
  STATUS_PORT_UNUSABLE: {
    blame: 'operator',
    message: 'cannot listen on {host}:{port}: {why}',
    remedy: 'Stop what listens there, or name another address.',
  },
} as const
export const statusFault: Raise<typeof STATUS_FAULTS> = faults(STATUS_FAULTS)
