/** The types of control packets (MQTT 5.0 §2.1.2, table 2-1): the high half of a packet's first byte. */
export const PACKET_TYPE = {
  CONNECT: 1,
  CONNACK: 2,
  PUBLISH: 3,
  PUBACK: 4,
  PUBREC: 5,
  PUBREL: 6,
  PUBCOMP: 7,
  SUBSCRIBE: 8,
  SUBACK: 9,
  UNSUBSCRIBE: 10,
  UNSUBACK: 11,
  PINGREQ: 12,
  PINGRESP: 13,
  DISCONNECT: 14,
  AUTH: 15,
} as const

/** The reserved flags of PUBREL, SUBSCRIBE and UNSUBSCRIBE (MQTT 5.0 §2.1.3, table 2-2). */
export const FLAGS_OF_REQUESTS = 0b0010
