/**
 * A client that uses AWS's device SDK v2 with a custom authorizer as its documentation shows it: MQTT 3.1.1 and MQTT 5 over
 * TLS with ALPN mqtt, then MQTT 5 over WebSocket. Publishes one message with QoS 1 to a topic that it has subscribed to, and
 * prints what came back.
 */
import { iot, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2'

const { host, port, root, authorizer, tokenKey, token, signature, clientId, topic } = JSON.parse(process.argv[2])

await speak311()
const config = {
  authorizerName: authorizer,
  username: 'user',
  password: Buffer.from('unused'),
  tokenKeyName: tokenKey,
  tokenValue: token,
  tokenSignature: signature,
}
await speak5('5 over TLS', iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithCustomAuth(host, config))
await speak5('5 over WebSocket', iot.AwsIotMqtt5ClientConfigBuilder.newWebsocketMqttBuilderWithCustomAuth(host, config))
process.exit(0)

async function speak311() {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_default_builder()
  builder.with_custom_authorizer('user', authorizer, signature, 'unused', tokenKey, token)
  builder.with_certificate_authority_from_path(undefined, root)
  builder.with_endpoint(host)
  builder.with_port(port)
  builder.with_client_id(clientId)
  const connection = new mqtt.MqttClient().new_connection(builder.build())
  await connection.connect()
  const received = new Promise((resolve) => connection.on('message', (_topic, payload) => resolve(payload)))
  await connection.subscribe(topic, mqtt.QoS.AtLeastOnce)
  await connection.publish(topic, '3.1.1 over TLS', mqtt.QoS.AtLeastOnce)
  console.log('received', Buffer.from(await received).toString())
  await connection.disconnect()
}

async function speak5(message, builder) {
  builder.withCertificateAuthorityFromPath(undefined, root)
  builder.withPort(port)
  builder.withConnectProperties({ clientId, keepAliveIntervalSeconds: 30 })
  const client = new mqtt5.Mqtt5Client(builder.build())
  client.on('connectionFailure', (event) => {
    console.error(event)
    process.exit(1)
  })
  const connected = new Promise((resolve) => client.on('connectionSuccess', resolve))
  const received = new Promise((resolve) => client.on('messageReceived', ({ message: each }) => resolve(each.payload)))
  client.start()
  await connected
  await client.subscribe({ subscriptions: [{ topicFilter: topic, qos: mqtt5.QoS.AtLeastOnce }] })
  await client.publish({ topicName: topic, qos: mqtt5.QoS.AtLeastOnce, payload: message })
  console.log('received', Buffer.from(await received).toString())
  const stopped = new Promise((resolve) => client.on('stopped', resolve))
  client.stop()
  await stopped
}
