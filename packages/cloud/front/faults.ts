import { faults, type Raise } from '@birthmark/foundation/kernel'

/** What keeps a front from starting, and invariants of its own. What befalls a connection is an `AttemptCause`. */
export const FRONT_FAULTS = {
  LISTEN_FAILED: {
    blame: 'operator',
    message: 'cannot listen for {listener} on {host}:{port}: {why}',
    remedy: 'Stop the program that uses the port, or choose another address or port (0 takes any free one).',
  },
  ENDPOINT_UNUSABLE: {
    blame: 'operator',
    message: "the endpoint's key and certificate chain cannot be used: {why}",
    remedy: 'Give the private key and its certificate in PEM, the certificate first, then its issuers below the root.',
  },
  PLAIN_LISTENER_EXPOSED: {
    blame: 'operator',
    message: 'the listener without TLS would be reachable by others at {host}',
    remedy: 'Let it listen on 127.0.0.1 or ::1: it asks nobody who they are.',
  },
  ADMISSION_OUT_OF_ORDER: {
    blame: 'bug',
    message: 'an admission step needs {what}, which no step before it gave',
    remedy: 'Report it with the steps of the attempt.',
  },
} as const
export const frontFault: Raise<typeof FRONT_FAULTS> = faults(FRONT_FAULTS)
