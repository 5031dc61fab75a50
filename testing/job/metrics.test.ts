import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateThingCommand } from '@aws-sdk/client-iot'
import { iotClient } from 'birthmark/parts'
import { ANY_PORTS, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

/** What Prometheus and a load balancer ask a server. */

test('metrics count requests and commits, and readiness is told', async (context) => {
  const folder = await scratchFolder(context)
  const words = ['--metrics-port', '0', '--throttle', 'aws', '--json']
  const server = startBirthmark(['server', '--data', join(folder, 'cloud'), ...ANY_PORTS, ...words])
  context.after(() => server.child.kill('SIGKILL'))
  const [line] = await server.said(/^\{"ready":true.*\}$/m)
  const ready: Readonly<Record<string, string>> = JSON.parse(line)
  const { controlHttp = '', metrics = '', region = '', accessKeyId = '', secretAccessKey = '' } = ready
  const client = iotClient({ endpoint: controlHttp, region, accessKeyId, secretAccessKey })
  await client.send(new CreateThingCommand({ thingName: 'counted' }))
  const text = await (await fetch(metrics)).text()
  assert.match(text, /^birthmark_api_requests_total\{operation="CreateThing",status="200"\} 1$/m)
  assert.match(text, /^birthmark_registry_changes_total\{change="record-audit"\} 1$/m)
  assert.match(text, /^birthmark_api_request_seconds_count\{operation="CreateThing"\} 1$/m)
  for (const name of ['connections', 'sessions', 'queued_messages']) {
    assert.match(text, new RegExp(`^birthmark_${name} 0$`, 'm'))
  }
  assert.match(text, /^birthmark_registry_bytes [1-9]\d+$/m)
  assert.match(text, /^birthmark_messages_out_total \d+$/m)
  assert.equal((await fetch(metrics.replace('/metrics', '/other'))).status, 404)
  assert.equal((await fetch(`${controlHttp}/v1/ready`)).status, 200)
  assert.equal((await fetch(`${controlHttp}/v1/metrics`)).status, 403, 'strangers sign')
  client.destroy()
  await stopsInOrder(server)
})
