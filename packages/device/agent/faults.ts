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
  ENDPOINT_NOT_TRUSTED: {
    blame: 'peer',
    message: 'the certificate of {host} does not stand up: {why}',
    remedy: 'Name the root of the endpoint that you mean, and its host name; then look whether somebody is in between.',
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
  SUBSCRIPTION_REFUSED: {
    blame: 'peer',
    message: 'the endpoint did not take the subscription to {topic}: {why}',
    remedy: "The device's policy must allow iot:Subscribe on the topic filter; ask the cloud for the attempt record.",
  },
  PROVISIONING_REJECTED: {
    blame: 'peer',
    message: 'the cloud rejected {operation} ({statusCode} {errorCode}): {why}',
    remedy: 'Mend what it names: the parameters of the configuration, the template, or the rights of the certificate.',
  },
  PROVISIONING_SILENT: {
    blame: 'peer',
    message: 'the cloud did not answer {operation}: {why}',
    remedy:
      'The policy of the certificate that asks must allow iot:Publish to the topic and iot:Receive on its answers.',
  },
  PROVISIONING_ANSWER_INVALID: {
    blame: 'peer',
    message: 'the answer to {operation} makes no sense: {why}',
    remedy: 'Check that the endpoint is AWS IoT Core or compatible with it.',
  },
  OFFER_ABANDONED: {
    blame: 'peer',
    message: 'certificate {certificateId} was offered and cannot be had any more: {why}',
    remedy: 'Nothing: the device asks for another one. If it goes on, mend what the reason names.',
  },
  DEVICE_HOLDS_NOTHING: {
    blame: 'operator',
    message: 'the device holds no certificate and is not told how to get one',
    remedy: 'Personalise the element, or name a claim or a receiver, and a template, in the configuration.',
  },
  ROTATION_NOT_CONFIGURED: {
    blame: 'operator',
    message: 'the configuration does not say how to rotate',
    remedy: 'Add the section rotation with the template and how the old certificate is closed.',
  },
  ROTATION_WITHOUT_IDENTITY: {
    blame: 'caller',
    message: 'there is no permanent certificate yet that could be replaced',
    remedy: 'Run birthmark device run until the device is online.',
  },
  CLOSING_REFUSED: {
    blame: 'peer',
    message: 'the old certificate {certificateId} could not be closed: {why}',
    remedy: 'Give the device, or what answers its topic, the right to deactivate it; the agent tries again.',
  },
  AGENT_EVENT_UNEXPECTED: {
    blame: 'bug',
    message: 'the agent is {state} and cannot take {event}',
    remedy: 'Report this with the log of the agent.',
  },
  AGENT_STATE_DAMAGED: {
    blame: 'operator',
    message: 'the state of the agent in {path} cannot be read: {why}',
    remedy: 'Restore the file, or forget it with birthmark device reset; the identities in the element stay.',
  },
  CONFIGURATION_ABSENT: {
    blame: 'caller',
    message: 'there is no configuration at {path}',
    remedy: 'Name an existing file with --config.',
  },
  CONFIGURATION_INVALID: {
    blame: 'caller',
    message: '{path} cannot be used: {problems}',
    remedy: 'Mend every place that is named; docs/guides/agent.md lists all members.',
  },
  ELEMENT_FILE_DAMAGED: {
    blame: 'operator',
    message: 'the key file {path} cannot be read: {why}',
    remedy: 'Restore the file from its last good state, or name another one.',
  },
  ELEMENT_PASSPHRASE_WEAK: {
    blame: 'operator',
    message: 'the passphrase in {path} is absent or has less than {min} characters',
    remedy: 'Put a long random text into the file, for example from: openssl rand -hex 32.',
  },
  ELEMENT_CHIP_ABSENT: {
    blame: 'operator',
    message: 'there is no chip at {path}',
    remedy: 'Name the file of a chip, or make one: birthmark chip new --chip FILE.',
  },
  ELEMENT_KEY_MISSING: {
    blame: 'operator',
    message: 'the element has no key in {slot}',
    remedy: 'Personalise the element again, or forget what it was with birthmark device reset.',
  },
  CLAIM_UNUSABLE: {
    blame: 'operator',
    message: 'the claim cannot be used: {why}',
    remedy: 'Give the claim certificate and its own private key, both in PEM.',
  },
} as const
export const agentFault: Raise<typeof AGENT_FAULTS> = faults(AGENT_FAULTS)
