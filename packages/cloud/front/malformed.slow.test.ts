import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MQTT_FAULTS, type MqttFaultDefinition } from '@birthmark/cloud/mqtt'
import { millis } from '@birthmark/foundation/kernel'
import { pause } from '@birthmark/foundation/system'
import malformed from '../../../testing/vectors/mqtt/malformed.json' with { type: 'json' }
import type { Attempt } from './index.ts'
import { openBench } from './testing/proves.ts'
import { RawClient } from './testing/raw-client.ts'

/*
 * Each field that is malformed ends the connection with the reason that MQTT 5.0 has for it, without a word in 3.1.1,
 * and the attempt says what was wrong. The packets are those of the decoder's own tests.
 */
const { cloud, port } = await openBench()
const FAULTS = new Map<string, MqttFaultDefinition>(Object.entries(MQTT_FAULTS))

for (const { why, version, hex, fault } of malformed) {
  test(`${why}: the client is told as its version can, and the attempt names it`, async () => {
    const definition = FAULTS.get(fault)
    assert.ok(definition !== undefined)
    const spoken = version === 4 || version === 5 ? version : undefined
    const client = spoken === undefined ? await RawClient.open(port, 5) : await RawClient.in(port, spoken)
    client.sendHex(hex)
    if (spoken === undefined) await client.closed()
    else assert.equal(await client.ended(), spoken === 5 ? inDisconnect(definition.reasonCode) : undefined)
    const { cause } = await ended()
    assert.ok(cause !== undefined)
    if (cause.code === 'CONNECT_EXPECTED' || cause.code === 'CONNECT_PROTOCOL_VERSION') return
    assert.match(cause.reason, patternOf(definition.message))
  })
}

/** Some reasons exist in other packets only. */
function inDisconnect(code: number): number {
  return code === 0x85 ? 0x82 : code
}

/** Gives the newest attempt once it has ended; the tests of a file run one after the other. */
async function ended(): Promise<Attempt> {
  for (;;) {
    const [attempt] = cloud.front.attempts.list({ limit: 1 })
    if (attempt !== undefined && attempt.outcome !== 'open') return attempt
    await pause(millis(2))
  }
}

/** What stands in for `{name}` differs. */
function patternOf(message: string): RegExp {
  const parts = message.split(/\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
  return new RegExp(parts.join('.+'))
}
