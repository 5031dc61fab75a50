import type * as iotData from '@aws-sdk/client-iot-data-plane'
import type { Message, MessageProperties, UserProperty } from '@birthmark/cloud/mqtt'
import { encodeUtf8, isFault } from '@birthmark/foundation/kernel'
import type { GetOutputType } from '@smithy/types'
import { isRecord } from '../engine/is-record.ts'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import { RETAINED_ROWS_MAX } from '../limits.ts'
import type { Call } from '../operation-types.ts'
import { nextToken, pageRequest } from '../operations/pages.ts'
import type { DataPlane } from './data-plane.ts'

type Name = Exclude<
  { [Key in keyof typeof iotData]: Key extends `${infer Each}Command` ? Each : never }[keyof typeof iotData],
  '$'
>
type CommandOf<Each extends Name> = InstanceType<(typeof iotData)[`${Each}Command`]>

/** The operations of AWS IoT's data plane as functions; each is of the caller's account and region. */
type DataOperations = {
  [Each in Name]: (
    input: CommandOf<Each>['input'],
    call: Call,
  ) => Promise<Omit<GetOutputType<CommandOf<Each>>, '$metadata'>>
}

/** Every operation of the data plane that is implemented; the others answer NotImplementedException. */
export const DATA_OPERATIONS: Partial<DataOperations> = {
  async Publish({ topic = '', qos = 0, retain = false, payload, ...given }, call) {
    if (qos !== 0 && qos !== 1) throw invalidRequest('QoS must be 0 or 1.')
    const properties = propertiesOf(given)
    const message = { topic, payload: bytesOf(payload), qos, retain, properties } as const
    try {
      await dataPlaneOf(call).publish(call.registry.scope, message)
    } catch (error) {
      if (!isFault(error, 'MQTT_PAYLOAD_TOO_LARGE')) throw error
      throw new AwsException('RequestEntityTooLargeException', error.message)
    }
    return {}
  },

  async GetRetainedMessage({ topic = '' }, call) {
    const message = dataPlaneOf(call).retained(call.registry.scope, topic)
    if (message === undefined) throw notFound(`No retained message exists for topic: ${topic.slice(0, 256)}`)
    return { topic, payload: message.payload, qos: message.qos, ...factsOf(message) }
  },

  async ListRetainedMessages(input, call) {
    const { after = '', limit } = pageRequest(input)
    const max = Math.min(Math.max(1, limit), RETAINED_ROWS_MAX)
    const rows = dataPlaneOf(call).listRetained(call.registry.scope, { after, limit: max + 1 })
    const shown = rows.slice(0, max)
    const next = rows.length > max ? shown.at(-1)?.topic : undefined
    return {
      retainedTopics: shown.map(({ topic, payloadBytes, qos, receivedAt }) => {
        return { topic, payloadSize: payloadBytes, qos, lastModifiedTime: receivedAt }
      }),
      nextToken: nextToken({ rows: shown, next }),
    }
  },

  async DeleteConnection({ clientId = '', cleanSession = false, preventWillMessage = false }, call) {
    if (clientId.startsWith('$')) throw invalidRequest('A client id does not begin with a dollar sign.')
    const choice = { cleanSession, preventWill: preventWillMessage }
    const hasEnded = await dataPlaneOf(call).endConnection(call.registry.scope, clientId, choice)
    if (!hasEnded) throw notFound(`The client ${clientId.slice(0, 128)} is not connected and has no session.`)
    return {}
  },
}

function dataPlaneOf({ dataPlane }: Call): DataPlane {
  if (dataPlane !== undefined) return dataPlane
  throw new AwsException('NotImplementedException', 'The data plane is not served at this address.')
}

type Given = Omit<iotData.PublishCommandInput, 'topic' | 'qos' | 'retain' | 'payload'>

function propertiesOf(given: Given): MessageProperties {
  const { contentType, responseTopic, correlationData, messageExpiry, payloadFormatIndicator } = given
  const userProperties = given.userProperties === undefined ? [] : userPropertiesOf(String(given.userProperties))
  return {
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: fromBase64(correlationData) }),
    ...(messageExpiry !== undefined && { messageExpiryInterval: expiryOf(messageExpiry) }),
    ...(payloadFormatIndicator !== undefined && { payloadFormatIndicator: formatOf(payloadFormatIndicator) }),
    ...(userProperties.length > 0 && { userProperties }),
  }
}

/** Reads `[{"name":"value"},…]`, in which a name may come again (AWS IoT API, Publish). */
function userPropertiesOf(text: string): readonly UserProperty[] {
  const list = parsed(text)
  if (!Array.isArray(list)) throw invalidRequest(USER_PROPERTIES)
  return list.map((entry: unknown): UserProperty => {
    const pairs = isRecord(entry) ? Object.entries(entry) : []
    const [name, value] = pairs[0] ?? []
    if (pairs.length !== 1 || name === undefined || typeof value !== 'string') throw invalidRequest(USER_PROPERTIES)
    return [name, value]
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidRequest(USER_PROPERTIES)
  }
}

function fromBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw invalidRequest('The correlation data is not base64.')
  return Uint8Array.from(Buffer.from(text, 'base64'))
}

function expiryOf(seconds: number): number {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= EXPIRY_MAX) return seconds
  throw invalidRequest('The message expiry is a whole number of seconds.')
}

function formatOf(indicator: string): 0 | 1 {
  if (indicator === 'UNSPECIFIED_BYTES') return 0
  if (indicator === 'UTF8_DATA') return 1
  throw invalidRequest('The payload format indicator is UNSPECIFIED_BYTES or UTF8_DATA.')
}

function bytesOf(payload: unknown): Uint8Array {
  return payload instanceof Uint8Array ? payload : new Uint8Array()
}

function factsOf({ receivedAt, properties }: Message): { lastModifiedTime: number; userProperties?: Uint8Array } {
  const { userProperties = [] } = properties
  if (userProperties.length === 0) return { lastModifiedTime: receivedAt }
  const pairs = userProperties.map(([name, value]) => ({ [name]: value }))
  return { lastModifiedTime: receivedAt, userProperties: encodeUtf8(JSON.stringify(pairs)) }
}

const USER_PROPERTIES = 'The user properties must be a JSON array of objects with one name and one text each.'
/** Of a Message Expiry Interval, in seconds (MQTT 5.0 §3.3.2.3.3); longer than AWS allows is cut by the profile. */
const EXPIRY_MAX = 0xffff_ffff
