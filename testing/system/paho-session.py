"""Begins or resumes a session that lasts, with Eclipse Paho's client.

Arguments: version (4 or 5), host, port, root, certificate, key, client id, filter, count. With count 0 it subscribes and
goes; otherwise it does not subscribe, prints so many messages, and goes.
"""

import ssl
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

version, host, port, root, certificate, key, client_id, topics, count = sys.argv[1:]
heard = 0


def on_connect(client, userdata, flags, code, properties=None):
    if code != 0:
        sys.exit(f"not let in: {code}")
    print("session present:", flags["session present"], flush=True)
    if count == "0":
        client.subscribe(topics, qos=1)


def on_subscribe(client, userdata, message_id, codes, properties=None):
    client.disconnect()


def on_message(client, userdata, message):
    global heard
    heard += 1
    print("message:", message.topic, message.payload.decode(), message.qos, flush=True)
    if heard == int(count):
        client.disconnect()


if version == "5":
    client = mqtt.Client(client_id, protocol=mqtt.MQTTv5)
else:
    client = mqtt.Client(client_id, clean_session=False, protocol=mqtt.MQTTv311)
client.tls_set(root, certificate, key, tls_version=ssl.PROTOCOL_TLS_CLIENT)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
if version == "5":
    lasts = Properties(PacketTypes.CONNECT)
    lasts.SessionExpiryInterval = 600
    client.connect(host, int(port), clean_start=False, properties=lasts)
else:
    client.connect(host, int(port))
client.loop_forever()
