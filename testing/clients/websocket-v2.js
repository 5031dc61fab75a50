/**
 * A client that uses AWS's device SDK v2 over WebSocket with SigV4 as its documentation shows it, in MQTT 3.1.1 and then in
 * MQTT 5: publishes one message with QoS 1 to a topic that it has subscribed to, and prints what came back.
 */
import { auth, iot, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2'

const { host, port, root, region, accessKeyId, secretAccessKey, sessionToken, clientId, topic, message } = JSON.parse(
  process.argv[2],
)
const credentials = auth.AwsCredentialsProvider.newStatic(accessKeyId, secretAccessKey, sessionToken)

await speak311()
await speak5()
process.exit(0)

async function speak311() {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_with_websockets({
    region,
    credentials_provider: credentials,
  })
  builder.with_certificate_authority_from_path(undefined, root)
  builder.with_endpoint(host)
  builder.with_port(port)
  builder.with_client_id(`${clientId}-311`)
  const connection = new mqtt.MqttClient().new_connection(builder.build())
  await connection.connect()
  const received = new Promise((resolve) => connection.on('message', (_topic, payload) => resolve(payload)))
  await connection.subscribe(topic, mqtt.QoS.AtLeastOnce)
  await connection.publish(topic, message, mqtt.QoS.AtLeastOnce)
  console.log('3.1.1 received', Buffer.from(await received).toString())
  await connection.disconnect()
}

async function speak5() {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newWebsocketMqttBuilderWithSigv4Auth(host, {
    credentialsProvider: credentials,
    region,
  })
  builder.withCertificateAuthorityFromPath(undefined, root)
  builder.withPort(port)
  builder.withConnectProperties({ clientId: `${clientId}-5`, keepAliveIntervalSeconds: 30 })
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
  console.log('5 received', Buffer.from(await received).toString())
  const stopped = new Promise((resolve) => client.on('stopped', resolve))
  client.stop()
  await stopped
}
