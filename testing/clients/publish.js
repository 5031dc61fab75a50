/**
 * A device that uses AWS's device SDK v2 as its documentation shows it, with the key behind a PKCS#11 module: connects,
 * publishes one message with QoS 1 and says on standard output how that went.
 */
import { io, iot, mqtt5 } from 'aws-iot-device-sdk-v2'

const { host, port, root, certificate, module, label, key, clientId, topic, message, isTls13 } = JSON.parse(
  process.argv[2],
)

const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPkcs11(host, {
  pkcs11_lib: new io.Pkcs11Lib(module, io.Pkcs11Lib.InitializeFinalizeBehavior.DEFAULT),
  user_pin: null,
  token_label: label,
  private_key_object_label: key,
  cert_file_path: certificate,
})
builder.withCertificateAuthorityFromPath(undefined, root)
builder.withPort(port)
builder.withConnectProperties({ clientId, keepAliveIntervalSeconds: 30 })
// By itself the SDK speaks TLS 1.2 at most with such keys, because of RSA; with this choice of ciphers it goes further.
if (isTls13) builder.tlsContextOptions.tls_cipher_preference = io.TlsCipherPreference.PQ_Default

const client = new mqtt5.Mqtt5Client(builder.build())
client.on('connectionFailure', (event) => {
  console.error(event)
  process.exit(1)
})
client.on('connectionSuccess', () => void publish())
client.on('stopped', () => process.exit(0))
client.start()

async function publish() {
  const answer = await client.publish({ topicName: topic, qos: mqtt5.QoS.AtLeastOnce, payload: message })
  console.log('published, reason code', answer?.reasonCode)
  client.stop()
}
