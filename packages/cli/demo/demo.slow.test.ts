import assert from 'node:assert/strict'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runBirthmark, startBirthmark } from '../../../testing/testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../../../testing/testkit/running.ts'
import { scratchFolder } from '../../../testing/testkit/scratch-folder.ts'

test('the demo brings a fleet online, shows two refusals and leaves nothing behind', async (context) => {
  const folder = await scratchFolder(context)
  const { status, stdout, stderr } = await runBirthmark(['demo', '--devices', '5', '--json'], {
    env: { TMPDIR: folder },
  })
  assert.equal(status, 0, stderr)
  const summary = JSON.parse(stdout)
  assert.equal(stdout, `${JSON.stringify(summary)}\n`)
  assert.equal(summary.devices, 5)
  assert.deepEqual(summary.registry, { things: 5, certificates: 5, activeCertificates: 5, policyAttachments: 5 })
  assert.ok(summary.personalisedPerSecond > 0 && summary.firstConnectionsPerSecond > 0)
  assert.deepEqual(
    summary.refusals.map(({ code }: { readonly code: string }) => code),
    ['POLICY_DENIED_PUBLISH', 'ISSUER_NOT_REGISTERED'],
  )
  await untilNoProcessNames(folder)
  assert.deepEqual(readdirSync(folder), [])
})

for (const [signal, step] of [
  ['SIGINT', /^2\. /m],
  ['SIGTERM', /^3\. /m],
  ['SIGINT', /^5\. /m],
] as const) {
  test(`${signal} in a step of the demo (${step.source}) leaves no process and no folder`, async (context) => {
    const folder = await scratchFolder(context)
    const demo = startBirthmark(['demo', '--devices', '20', '--json'], { env: { TMPDIR: folder } })
    await demo.said(step)
    demo.child.kill(signal)
    const { status, stdout, stderr } = await demo.ended
    assert.equal(status, 130, stderr)
    assert.equal(JSON.parse(stdout).error.code, 'INTERRUPTED')
    assert.match(stderr, new RegExp(`^birthmark: Stopped by ${signal} before it was done\\. Nothing of it runs`, 'm'))
    assert.doesNotMatch(stderr, /^ {4}at /m)
    await untilNoProcessNames(folder)
    assert.deepEqual(readdirSync(folder), [])
  })
}

test('an interrupted demo leaves what it wrote in a folder that the user named', async (context) => {
  const folder = join(await scratchFolder(context), 'trial')
  mkdirSync(folder)
  const demo = startBirthmark(['demo', '--devices', '5', '--data', folder])
  await demo.said(/^3\. /m)
  demo.child.kill('SIGINT')
  const { status, stderr } = await demo.ended
  assert.equal(status, 130)
  assert.match(stderr, new RegExp(`^Everything is in ${folder}\\.$`, 'm'))
  await untilNoProcessNames(folder)
  assert.ok(readdirSync(folder).includes('cloud'))
})
