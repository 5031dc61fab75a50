import { faults, type Raise } from '@birthmark/foundation/kernel'

/** Everything that keeps a device from being online. */
export const AGENT_FAULTS = {
  DEVICE_HAS_NO_CERTIFICATE: {
    blame: 'operator',
    message: 'the secure element holds no certificate in {slot}',
    remedy: 'Personalise the element first, or name the slot that holds the certificate.',
  },
  DEVICE_HAS_NO_TRUST_ANCHOR: {
    blame: 'operator',
    message: 'the secure element holds no trust anchor in {slot}',
    remedy: "Write the endpoint's root certificate into that slot.",
  },
  ENDPOINT_UNREACHABLE: {
    blame: 'operator',
    message: 'cannot reach {host}:{port}: {why}',
    remedy: 'Check that the endpoint runs and that its host and port are right.',
  },
  CONNECTION_DROPPED: {
    blame: 'peer',
    message: 'the endpoint closed the connection before it answered CONNECT',
    remedy:
      'A first connection ends this way once it is provisioned: try again. If it goes on, ask for the attempt record.',
  },
  CONNECTION_REFUSED: {
    blame: 'peer',
    message: 'the endpoint refused CONNECT: {reason}',
    remedy: 'Ask the cloud for the attempt record of this client.',
  },
  PUBLISH_REFUSED: {
    blame: 'peer',
    message: 'the endpoint did not take a message for {topic}: {why}',
    remedy: "Ask the cloud for the attempt record of this client; the device's policy must allow the topic.",
  },
  TRIES_EXHAUSTED: {
    blame: 'operator',
    message: 'gave up after {attempts} tries: {last}',
    remedy: "Ask the cloud for the attempt records of this device's certificate.",
  },
} as const
export const agentFault: Raise<typeof AGENT_FAULTS> = faults(AGENT_FAULTS)
