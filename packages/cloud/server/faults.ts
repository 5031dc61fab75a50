import { faults, type Raise } from '@birthmark/foundation/kernel'

/** Everything that keeps the cloud from starting or from being certified. */
export const SERVER_FAULTS = {
  PORT_IN_USE: {
    blame: 'operator',
    message: 'port {port} on {address} is in use',
    remedy: 'Stop the program that uses it, or name another port with {option} (0 takes any free one).',
  },
  LIMIT_UNKNOWN: {
    blame: 'caller',
    message: 'there is no limit {name}',
    remedy: 'Name one of docs/reference/limits.md, for example --limit publishes-in-per-second=unlimited.',
  },
  LIMIT_VALUE_INVALID: {
    blame: 'caller',
    message: 'the limit {name} cannot be {value}',
    remedy: 'Give a whole number, from 1 on where it is a rate, or unlimited.',
  },
  PORT_NOT_PERMITTED: {
    blame: 'operator',
    message: 'this user may not listen on port {port} of {address}',
    remedy: 'Name a port above 1023 with {option}.',
  },
  ADDRESS_NOT_USABLE: {
    blame: 'operator',
    message: 'cannot listen on {address}:{port}: {why}',
    remedy: 'Name an address that this machine has with --listen.',
  },
  SERVER_FILE_DAMAGED: {
    blame: 'operator',
    message: '{path} does not hold what this server wrote there: {why}',
    remedy: 'Restore it from a backup; it names the account that everything in this data directory belongs to.',
  },
  CLOCK_BEFORE_CERTIFICATE: {
    blame: 'operator',
    message: "the clock says {now}, before this cloud's own root certificate starts ({notBefore})",
    remedy: "Set this machine's clock, then start again.",
  },
  ROOT_EXPIRED: {
    blame: 'operator',
    message: "this cloud's own root certificate ended on {notAfter} and the clock says {now}",
    remedy: "Set this machine's clock if it is wrong; else the root must be replaced on every device.",
  },
  SOCKET_PATH_TOO_LONG: {
    blame: 'caller',
    message: '{path} is {length} bytes long and a local socket takes {max}',
    remedy: 'Use a data directory with a shorter path.',
  },
  CERTIFICATE_PROVIDER_UNAVAILABLE: {
    blame: 'operator',
    message: 'the authority at {path} does not answer: {why}',
    remedy: 'Start it, or name its socket with --authority-socket.',
  },
  CERTIFICATE_REQUEST_REFUSED: {
    blame: 'peer',
    message: '{why}',
    remedy: 'Make a PKCS#10 request, signed by its own key, of a kind that the authority signs.',
    spec: 'RFC 2986 §3',
  },
  CERTIFICATE_PROVIDER_REFUSED: {
    blame: 'caller',
    message: 'the authority refused to sign: {why}',
    remedy: 'See what it says about the request; its profile decides what it signs.',
  },
  DATA_FOLDER_EMPTY: {
    blame: 'caller',
    message: '{path} is no data directory of a server',
    remedy: "Name the folder that 'birthmark server --data' was started with.",
  },
  BACKUP_EXISTS: {
    blame: 'caller',
    message: '{path} is there already',
    remedy: 'Name another file: a backup never replaces one.',
  },
  BACKUP_DAMAGED: {
    blame: 'operator',
    message: '{path} is no backup that can be used: {why}',
    remedy: 'Use another backup. Nothing was restored.',
  },
  RESTORE_WOULD_OVERWRITE: {
    blame: 'caller',
    message: '{path} is not empty',
    remedy: 'Name a folder that does not exist: a restore never overwrites.',
  },
  OFFLINE_REFUSED: {
    blame: 'caller',
    message: '{operation} was refused: {why}',
    remedy: 'Mend what it names and run the command again.',
  },
} as const
export const serverFault: Raise<typeof SERVER_FAULTS> = faults(SERVER_FAULTS)
