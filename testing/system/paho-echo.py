"""Echoes messages with Eclipse Paho's client: says "ready" on a topic, sends back what it hears, ends after a count.

Arguments: version (4 or 5), host, port, root, certificate, key, client id, topic to hear, topic to echo to, count.
"""

import ssl
import sys

import paho.mqtt.client as mqtt

version, host, port, root, certificate, key, client_id, hear, echo, count = sys.argv[1:]
heard = 0
last = None


def on_connect(client, userdata, flags, code, properties=None):
    if code != 0:
        sys.exit(f"not let in: {code}")
    client.subscribe(hear, qos=1)


def on_subscribe(client, userdata, message_id, codes, properties=None):
    client.publish(echo, b"ready", qos=1)


def on_message(client, userdata, message):
    global heard, last
    heard += 1
    last = client.publish(echo, message.payload, qos=1).mid


def on_publish(client, userdata, message_id):
    if heard == int(count) and message_id == last:
        client.disconnect()


def on_disconnect(client, userdata, code, properties=None):
    # 0: because we wanted it to.
    print("ended:", code)


client = mqtt.Client(client_id, protocol=mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311)
client.tls_set(root, certificate, key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.on_connect, client.on_subscribe = on_connect, on_subscribe
client.on_message, client.on_publish = on_message, on_publish
client.on_disconnect = on_disconnect
client.connect(host, int(port))
client.loop_forever()
