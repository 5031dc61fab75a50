import { Fault, type FaultDefinition, faults, type Raise } from '@birthmark/foundation/kernel'
import { CODEC_FAULTS } from './codec-faults.ts'
import { REASON } from './reason-code.ts'
import { SESSION_FAULTS } from './session-faults.ts'

/** A row of {@link MQTT_FAULTS}: also the reason code that tells an MQTT 5.0 client. */
export interface MqttFaultDefinition extends FaultDefinition {
  readonly reasonCode: number
}

/** Everything that is wrong with a packet, a request or a session, and how MQTT 5.0 says so. */
export const MQTT_FAULTS: typeof CODEC_FAULTS & typeof SESSION_FAULTS = { ...CODEC_FAULTS, ...SESSION_FAULTS }

/** The code of one of this room's faults. */
export type MqttFaultCode = keyof typeof MQTT_FAULTS

/** Makes one of this room's faults. */
export const mqttFault: Raise<typeof MQTT_FAULTS> = faults(MQTT_FAULTS)

/**
 * Gives the MQTT 5.0 reason code (§2.4) that tells a client about `error`; the only place where a fault becomes one.
 * What is not a peer's doing says nothing about us.
 */
export function reasonCode(error: unknown): number {
  if (!(error instanceof Fault)) return REASON.UNSPECIFIED_ERROR
  const known = REASON_BY_CODE.get(error.code)
  if (known !== undefined) return known
  return error.blame === 'busy' ? REASON.QUOTA_EXCEEDED : REASON.IMPLEMENTATION_SPECIFIC_ERROR
}

const REASON_BY_CODE: ReadonlyMap<string, number> = new Map(
  Object.entries<MqttFaultDefinition>(MQTT_FAULTS).map(([code, row]) => [code, row.reasonCode]),
)
