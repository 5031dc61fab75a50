/** Every way by which devices come online, as `birthmark demo --way` shows it: real parts, end to end. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { failsPlainly, runBirthmark } from '../testkit/run-birthmark.ts'
import { untilNoProcessNames } from '../testkit/running.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

interface Shown {
  readonly way: string
  readonly online: readonly { readonly thingName: string; readonly account: string; readonly connections: number }[]
  readonly refused: readonly { readonly device: string; readonly why: string }[]
}

/** Which things come online in which account (the first, or another), and why who does not. */
const WAYS: readonly (readonly [way: string, online: readonly string[], refused: readonly RegExp[]])[] = [
  ['inline', ['meter-1 at first'], []],
  ['jitr', ['meter-1 at first'], [/^meter-666: the function has revoked/]],
  ['multi-account', ['meter-1 at first', 'meter-1 at other'], [/^meter-2.*: CERTIFICATE_ELSEWHERE/]],
  ['claim', ['meter-A1 at first', 'meter-A2 at first'], [/^INVENTED: ACCESS_DENIED: .*not in allow-list batch/]],
  ['own-ca', ['meter-A1 at first'], []],
  ['trusted-user', ['meter-ID at first'], []],
  ['factory-reset', ['meter-A1 at first', 'meter-A1 at first'], [/^A1: ACCESS_DENIED: .*was used for certificate/]],
  ['bulk', ['meter-1 at first', 'meter-2 at first'], [/^meter-3: line 3: ResourceRegistrationFailureException/]],
  ['register-thing', ['meter-1 at first'], []],
  ['one-click', ['meter-1 at first', 'meter-2 at first'], []],
  ['transfer', ['meter-1 at first', 'meter-1 at other'], [/^meter-1.*: CERTIFICATE_ELSEWHERE/]],
]

for (const [way, online, refused] of WAYS) {
  test(`birthmark demo --way ${way}`, async (context) => {
    const folder = await scratchFolder(context)
    const { status, stdout, stderr } = await runBirthmark(['demo', '--way', way, '--json'], { env: { TMPDIR: folder } })
    assert.equal(status, 0, stderr)
    const shown: Shown = JSON.parse(stdout)
    assert.equal(shown.way, way)
    const [first] = shown.online
    const places = shown.online.map(({ thingName, account }) => {
      const name = thingName.replace(/[0-9a-f]{32}/, 'ID')
      return `${name} at ${account === first?.account ? 'first' : 'other'}`
    })
    assert.deepEqual(places, online)
    assert.equal(shown.refused.length, refused.length)
    for (const [index, pattern] of refused.entries()) {
      const { device, why } = shown.refused[index] ?? { device: '', why: '' }
      assert.match(`${device}: ${why}`, pattern)
    }
    if (way === 'inline') assert.equal(first?.connections, 1)
    if (way === 'jitr') assert.ok((first?.connections ?? 0) > 1)
    await untilNoProcessNames(folder)
    assert.deepEqual(readdirSync(folder), [])
  })
}

test('the help lists every way, and what a way does not take is told', async () => {
  const { stdout } = await runBirthmark(['demo', '--help'])
  const listed = [...(stdout.split('Ways:')[1] ?? '').matchAll(/^ {2}([a-z-]+) {2,}/gm)].map(([, name]) => name)
  assert.deepEqual(listed, ['jitp', ...WAYS.map(([way]) => way)])
  await failsPlainly(['demo', '--way', 'claim', '--devices', '3'], {
    code: 'DEMO_OPTION_UNFIT',
    says: /--way claim takes no --devices/,
  })
})
