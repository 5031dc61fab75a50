import { faults, type Raise } from '@birthmark/foundation/kernel'

export const ORDER_FAULTS = {
  ORDER_INVALID: {
    blame: 'operator',
    message: 'the work order cannot be used: {problems}',
    remedy: 'Correct every point named here and run the command again; nothing was made.',
  },
  ORDER_MAKER_NOT_PINNED: {
    blame: 'operator',
    message: 'the work order carries a signature, and no maker key was given to verify it with',
    remedy: 'Name the public key of the maker; get it from the maker and not together with the order.',
  },
  ORDER_UNSIGNED: {
    blame: 'operator',
    message: 'the work order carries no signature, and only orders of the pinned maker are taken here',
    remedy: 'Ask the maker for the signed order.',
  },
  ORDER_SIGNER_UNKNOWN: {
    blame: 'operator',
    message: 'the work order is signed by the key {key}, which is not that of the pinned maker',
    remedy: 'Find out who sent the order; pin another maker only after asking the maker.',
  },
  ORDER_SIGNATURE_INVALID: {
    blame: 'operator',
    message: 'the signature does not fit the work order: it was changed after it was signed',
    remedy: 'Ask the maker for the order again, as the file that was signed, byte by byte; nothing was made.',
  },
  ORDER_EXPIRED: {
    blame: 'operator',
    message: 'the work order {order} ended at {until}',
    remedy: 'Ask the maker for a new order, or set the clock of this machine if it is wrong.',
  },
  ORDER_FOR_OTHER_STATION: {
    blame: 'operator',
    message: 'the work order {order} is not for this station',
    remedy: 'Run it at a station that it names, or ask the maker for an order that names this one.',
  },
  ORDER_FOR_OTHER_ISSUER: {
    blame: 'operator',
    message: 'the work order {order} is for the issuing CA {issuer}, which is not this one',
    remedy: 'Take the order to the authority that it names.',
  },
  ORDER_MAKER_KEY_UNFIT: {
    blame: 'operator',
    message: 'the maker key cannot be used: {why}',
    remedy: 'Use a P-256 key: its public half as a PEM block PUBLIC KEY.',
  },
  ORDER_SUBJECT_TOO_LONG: {
    blame: 'operator',
    message: 'the {attribute} of device {uid} would have {characters} characters, more than the {most} it may have',
    remedy: 'Shorten the pattern in the work order, or use {uidHash} (16 characters) in place of {uid}.',
    spec: 'RFC 5280 Appendix A.1, ub-common-name and ub-serial-number',
  },
} as const
export const orderFault: Raise<typeof ORDER_FAULTS> = faults(ORDER_FAULTS)
