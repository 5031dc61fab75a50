import { agentFault } from './faults.ts'

/** What an agent is doing. */
export type AgentState =
  | 'starting'
  | 'waiting'
  | 'acquiring'
  | 'closing'
  | 'connecting'
  | 'online'
  | 'resting'
  | 'stopped'

/** What moves an agent. */
export type AgentEvent =
  | 'wait'
  | 'acquire'
  | 'close'
  | 'connect'
  | 'done'
  | 'connected'
  | 'lost'
  | 'failed'
  | 'rested'
  | 'stop'

/**
 * The life of an agent. `starting` is where it looks at what it holds and chooses: nothing -> `waiting` for a claim;
 * a claim, or a certificate that is being replaced -> `acquiring`; an old certificate that is still open -> `closing`;
 * a certificate -> `connecting`. A first connection that the cloud drops once it has provisioned the device is a
 * failure like any other: back-off, and again. A pair that is absent is refused.
 */
export const AGENT_TRANSITIONS: Readonly<Record<AgentState, Readonly<Partial<Record<AgentEvent, AgentState>>>>> = {
  starting: {
    wait: 'waiting',
    acquire: 'acquiring',
    close: 'closing',
    connect: 'connecting',
    failed: 'resting',
    stop: 'stopped',
  },
  waiting: { done: 'starting', failed: 'resting', stop: 'stopped' },
  acquiring: { done: 'starting', failed: 'resting', stop: 'stopped' },
  closing: { done: 'starting', failed: 'resting', stop: 'stopped' },
  connecting: { connected: 'online', failed: 'resting', stop: 'stopped' },
  online: { done: 'starting', lost: 'resting', failed: 'resting', stop: 'stopped' },
  resting: { rested: 'starting', stop: 'stopped' },
  stopped: {},
}

/** Gives the state after `event`. @throws `AGENT_EVENT_UNEXPECTED` */
export function nextAgentState(state: AgentState, event: AgentEvent): AgentState {
  const next = AGENT_TRANSITIONS[state][event]
  if (next === undefined) throw agentFault('AGENT_EVENT_UNEXPECTED', { state, event })
  return next
}

/** What a device has, as far as it decides what comes next. */
export interface Holdings {
  /** A new certificate is on its way. */
  readonly isAcquiring: boolean
  /** Certificates of an earlier time are still open. */
  readonly hasOld: boolean
  /** A certificate of its own, from its maker or from the cloud. */
  readonly hasCertificate: boolean
  readonly hasClaim: boolean
  /** It can be handed a claim. */
  readonly canReceive: boolean
}

/**
 * Chooses what a device does next. Its own certificate goes before a claim, so that a claim is used once. An old
 * certificate is closed before anything else is done with the new one.
 *
 * @throws `DEVICE_HOLDS_NOTHING`
 */
export function chooseWay(holdings: Holdings): 'acquire' | 'close' | 'connect' | 'wait' {
  if (holdings.isAcquiring) return 'acquire'
  if (holdings.hasOld) return 'close'
  if (holdings.hasCertificate) return 'connect'
  if (holdings.hasClaim) return 'acquire'
  if (holdings.canReceive) return 'wait'
  throw agentFault('DEVICE_HOLDS_NOTHING')
}
