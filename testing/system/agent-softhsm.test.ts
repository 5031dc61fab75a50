/** `birthmark device` with its keys behind a module that we did not write. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { activeCertificates, awsEnvironment, prepareClaims, writeAgent } from '../testkit/agent-cloud.ts'
import { newHsmTokens } from '../testkit/hsm-tokens.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
const claim = await prepareClaims(cloud)

test('a claim becomes an identity in SoftHSM, which rotates into the second pair of labels', async (context) => {
  const { path, environment, pinFile, tool } = await newHsmTokens(context, 'device')
  const env = { ...awsEnvironment(cloud), ...environment }
  const element = { pkcs11: `pkcs11:token=device?module-path=${path}&pin-source=${pinFile}` }
  const config = writeAgent(cloud, 'S1', claim, { element })
  const born = await runBirthmark(['device', 'run', '--config', config, '--tries', '10', '--messages', '1'], { env })
  assert.equal(born.status, 0, born.stderr)
  const [first] = await activeCertificates(cloud.iot, 'meter-S1')
  const rotated = await runBirthmark(['device', 'rotate', '--config', config, '--tries', '10'], { env })
  assert.equal(rotated.status, 0, rotated.stderr)
  const now = await activeCertificates(cloud.iot, 'meter-S1')
  assert.equal(now.length, 1)
  assert.notEqual(now[0], first)
  const objects = tool('device', '--list-objects')
  for (const label of ['device key', 'device key 2', 'device certificate', 'device certificate 2']) {
    assert.match(objects, new RegExp(`label: +${label}\\n`))
  }
})
