import type { QoS } from './packet.ts'

/** Gives the lower of two, which is what a receiver gets (MQTT 5.0 §3.8.4 [MQTT-3.8.4-8]). */
export function lowerQos(one: QoS, other: QoS): QoS {
  return one < other ? one : other
}
