/**
 * Every property of MQTT 5.0 (§2.2.2.2, table 2-4) under its name in the standard. Intervals are in seconds. A property
 * that was not sent is absent. Each packet has its own choice of them, below.
 */
export interface Properties {
  /** 0: unspecified bytes, 1: UTF-8 text. */
  readonly payloadFormatIndicator?: 0 | 1
  readonly messageExpiryInterval?: number
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Uint8Array
  /** Each 1 to 268 435 455; several only in a PUBLISH. */
  readonly subscriptionIdentifiers?: readonly number[]
  readonly sessionExpiryInterval?: number
  readonly assignedClientIdentifier?: string
  readonly serverKeepAlive?: number
  readonly authenticationMethod?: string
  readonly authenticationData?: Uint8Array
  readonly requestProblemInformation?: boolean
  readonly willDelayInterval?: number
  readonly requestResponseInformation?: boolean
  readonly responseInformation?: string
  readonly serverReference?: string
  readonly reasonString?: string
  /** 1 to 65 535. */
  readonly receiveMaximum?: number
  readonly topicAliasMaximum?: number
  /** 1 to 65 535. */
  readonly topicAlias?: number
  readonly maximumQoS?: 0 | 1
  readonly retainAvailable?: boolean
  /** In the order they were sent; a name may occur more than once. */
  readonly userProperties?: readonly UserProperty[]
  /** Bytes, 1 to 4 294 967 295. */
  readonly maximumPacketSize?: number
  readonly wildcardSubscriptionAvailable?: boolean
  readonly subscriptionIdentifiersAvailable?: boolean
  readonly sharedSubscriptionAvailable?: boolean
}

/** Name and value. */
export type UserProperty = readonly [name: string, value: string]

/** Properties of a CONNECT. */
export type ConnectProperties = Pick<
  Properties,
  | 'sessionExpiryInterval'
  | 'authenticationMethod'
  | 'authenticationData'
  | 'requestProblemInformation'
  | 'requestResponseInformation'
  | 'receiveMaximum'
  | 'topicAliasMaximum'
  | 'userProperties'
  | 'maximumPacketSize'
>

/** Properties of a CONNECT's will. */
export type WillProperties = MessageProperties & Pick<Properties, 'willDelayInterval'>

/** Properties of a CONNACK. */
export type ConnackProperties = Pick<
  Properties,
  | 'sessionExpiryInterval'
  | 'assignedClientIdentifier'
  | 'serverKeepAlive'
  | 'authenticationMethod'
  | 'authenticationData'
  | 'responseInformation'
  | 'serverReference'
  | 'reasonString'
  | 'receiveMaximum'
  | 'topicAliasMaximum'
  | 'maximumQoS'
  | 'retainAvailable'
  | 'userProperties'
  | 'maximumPacketSize'
  | 'wildcardSubscriptionAvailable'
  | 'subscriptionIdentifiersAvailable'
  | 'sharedSubscriptionAvailable'
>

/** Properties that belong to a message and travel with it, unchanged, from publisher to receivers. */
export type MessageProperties = Pick<
  Properties,
  | 'payloadFormatIndicator'
  | 'messageExpiryInterval'
  | 'contentType'
  | 'responseTopic'
  | 'correlationData'
  | 'userProperties'
>

/** Properties of a PUBLISH. */
export type PublishProperties = MessageProperties & Pick<Properties, 'subscriptionIdentifiers' | 'topicAlias'>

/** Properties of the acknowledgements, SUBACK and UNSUBACK. */
export type ReasonProperties = Pick<Properties, 'reasonString' | 'userProperties'>

/** Properties of a SUBSCRIBE. */
export type SubscribeProperties = Pick<Properties, 'subscriptionIdentifiers' | 'userProperties'>

/** Properties of an UNSUBSCRIBE. */
export type UnsubscribeProperties = Pick<Properties, 'userProperties'>

/** Properties of a DISCONNECT. */
export type DisconnectProperties = Pick<
  Properties,
  'sessionExpiryInterval' | 'serverReference' | 'reasonString' | 'userProperties'
>

/** Properties of an AUTH. */
export type AuthProperties = Pick<
  Properties,
  'authenticationMethod' | 'authenticationData' | 'reasonString' | 'userProperties'
>

/** Stands for "none sent" in every packet without properties, so that they cost nothing. */
export const NO_PROPERTIES: Properties = Object.freeze({})
