/**
 * A device that uses AWS's device SDK v1 for JavaScript as its documentation shows it: connects by the protocol that it is
 * told, publishes one message with QoS 1 to a topic that it has subscribed to, and prints what came back.
 */
import { device as newDevice } from 'aws-iot-device-sdk'

const { topic, message, ...options } = JSON.parse(process.argv[2])

const device = newDevice(options)
device.on('error', (error) => {
  console.error(error)
  process.exit(1)
})
device.on('connect', () => {
  device.subscribe(topic, { qos: 1 }, (error) => {
    if (error) throw error
    device.publish(topic, message, { qos: 1 })
  })
})
device.on('message', (_topic, payload) => {
  console.log('received', String(payload))
  device.end(false, () => process.exit(0))
})
