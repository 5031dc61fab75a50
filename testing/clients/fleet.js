/**
 * A device that comes online by claim with AWS's device SDK v2, as its samples do it: asks for a certificate, with a key
 * of its own or without, has itself provisioned by a template, and says on standard output what it was given.
 */
import { iot, iotidentity, mqtt, mqtt5 } from 'aws-iot-device-sdk-v2'

const { host, port, root, certificate, key, clientId, template, parameters, csr, version } = JSON.parse(process.argv[2])
const options = { maxRequestResponseSubscriptions: 4, maxStreamingSubscriptions: 2, operationTimeoutInSeconds: 20 }

function start5() {
  const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(host, certificate, key)
  builder.withCertificateAuthorityFromPath(undefined, root)
  builder.withPort(port)
  builder.withConnectProperties({ clientId, keepAliveIntervalSeconds: 30 })
  const client = new mqtt5.Mqtt5Client(builder.build())
  client.on('connectionFailure', (event) => fail(event))
  const connected = new Promise((resolve) => client.on('connectionSuccess', resolve))
  client.start()
  return {
    identity: iotidentity.IotIdentityClientv2.newFromMqtt5(client, options),
    connected,
    stop: () => Promise.resolve(client.stop()),
  }
}

function start3() {
  const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(certificate, key)
  builder.with_certificate_authority_from_path(undefined, root)
  builder.with_endpoint(host)
  builder.with_port(port)
  builder.with_client_id(clientId)
  const connection = new mqtt.MqttClient().new_connection(builder.build())
  const identity = iotidentity.IotIdentityClientv2.newFromMqtt311(connection, options)
  return { identity, connected: connection.connect(), stop: () => connection.disconnect() }
}

function fail(error) {
  console.log(JSON.stringify({ error: error.modeledError ?? String(error) }))
  process.exit(1)
}

async function run() {
  const { identity, connected, stop } = version === 5 ? start5() : start3()
  await connected
  const made = csr
    ? await identity.createCertificateFromCsr({ certificateSigningRequest: csr })
    : await identity.createKeysAndCertificate({})
  const { certificateOwnershipToken } = made
  const registered = await identity.registerThing({ templateName: template, certificateOwnershipToken, parameters })
  console.log(JSON.stringify({ made, registered }))
  identity.close()
  await stop()
  process.exit(0)
}

run().catch(fail)
