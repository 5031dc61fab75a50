/** MQTT 3.1.1 and 5.0 without I/O: packet codec, topics, and the server's side of a session. Pure. */
export { type AcceptedConnect, acceptConnect, type RefusedConnect, refusalAnswer } from './accept-connect.ts'
export type { AcceptedWill } from './accept-will.ts'
export { admitPublish, type PublishRules } from './admit-publish.ts'
export { encodePacket } from './encode-packet.ts'
export { MQTT_FAULTS, type MqttFaultCode, type MqttFaultDefinition, mqttFault, reasonCode } from './faults.ts'
export { Delivery, type DeliveryMarks, keptMessage, type Message, messageBytes } from './message.ts'
export type {
  Acknowledgement,
  Auth,
  Connack,
  Connect,
  Disconnect,
  Packet,
  Pingreq,
  Pingresp,
  ProtocolVersion,
  Publish,
  QoS,
  Suback,
  Subscribe,
  SubscriptionRequest,
  Unsuback,
  Unsubscribe,
  Will,
} from './packet.ts'
export { type DecoderOptions, PacketDecoder } from './packet-decoder.ts'
export { AWS_PROFILE, type BrokerProfile, PRE_AUTH_PACKET_BYTES_MAX, STANDARD_PROFILE } from './profile.ts'
export {
  type ConnackProperties,
  type ConnectProperties,
  type DisconnectProperties,
  type MessageProperties,
  NO_PROPERTIES,
  type Properties,
  type PublishProperties,
  type UserProperty,
  type WillProperties,
} from './properties.ts'
export { lowerQos } from './qos.ts'
export { REASON, RETURN_CODE } from './reason-code.ts'
export { isPublishable, isSubscribable, type ReservedService, serviceOf } from './reserved-topics.ts'
export { ServerSession } from './server-session.ts'
export type {
  CloseOrder,
  Denial,
  DenialCause,
  DropReason,
  FaultCause,
  RefusalCause,
  SessionEffect,
  SessionEnd,
  SessionInput,
  SessionOptions,
  SessionPolicy,
  StoredMark,
} from './session.ts'
export { readStoredMessage } from './stored-message.ts'
export {
  hasWildcard,
  isShared,
  parseTopicFilter,
  parseTopicName,
  splitShared,
  type TopicFilter,
  type TopicLimits,
  type TopicName,
  topicMatches,
} from './topic.ts'
export { type Grant, type Subscribers, TopicTree } from './topic-tree.ts'
