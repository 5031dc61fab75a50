"""Publishes and gets back messages of QoS 2 with Eclipse Paho's client.

Arguments: version (4 or 5), host, port, root, certificate, key, client id, topic, count. Prints each message that comes
and its QoS, and goes when all have come and every PUBCOMP was seen.
"""

import ssl
import sys

import paho.mqtt.client as mqtt

version, host, port, root, certificate, key, client_id, topic, count = sys.argv[1:]
heard = 0
completed = 0


def leave_when_done(client):
    if heard == int(count) and completed == int(count):
        client.disconnect()


def on_connect(client, userdata, flags, code, properties=None):
    if code != 0:
        sys.exit(f"not let in: {code}")
    client.subscribe(topic, qos=2)


def on_subscribe(client, userdata, message_id, codes, properties=None):
    print("granted:", [int(getattr(code, "value", code)) for code in codes], flush=True)
    for number in range(int(count)):
        client.publish(topic, f"message {number}", qos=2)


def on_publish(client, userdata, message_id):
    global completed
    completed += 1
    leave_when_done(client)


def on_message(client, userdata, message):
    global heard
    heard += 1
    print("message:", message.payload.decode(), message.qos, flush=True)
    leave_when_done(client)


client = mqtt.Client(client_id, protocol=mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311)
client.tls_set(root, certificate, key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.on_connect, client.on_subscribe = on_connect, on_subscribe
client.on_message, client.on_publish = on_message, on_publish
client.connect(host, int(port))
client.loop_forever()
