import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seconds } from '@birthmark/foundation/kernel'
import { Command, CommanderError } from 'commander'
import { type AbuseFlags, abuseOptionsOf, withAbuseOptions } from './abuse-flags.ts'

function optionsFrom(...words: readonly string[]): ReturnType<typeof abuseOptionsOf> {
  const command = withAbuseOptions(new Command('server'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  return abuseOptionsOf(command.parse(words, { from: 'user' }).opts<AbuseFlags>())
}

test('rules are named one by one, with or without a span of time', () => {
  assert.deepEqual(optionsFrom(), { sharedKeys: 'alarm' })
  const words = [
    '--abuse-rule',
    'claim-places=5/60',
    '--abuse-rule',
    'key-returns=3',
    '--abuse-rule',
    'clients-per-thing=2',
  ]
  assert.deepEqual(optionsFrom(...words), {
    sharedKeys: 'alarm',
    abuseRules: {
      claimPlaces: { count: 5, within: seconds(60) },
      keyReturns: { count: 3, within: seconds(600) },
      clientsPerThing: 2,
    },
  })
  assert.deepEqual(optionsFrom('--challenge', 'judge'), { sharedKeys: 'challenge', challenge: 'judge' })
  assert.deepEqual(optionsFrom('--shared-keys', 'quarantine'), { sharedKeys: 'quarantine' })
})

test('what nobody could mean is wrong usage', () => {
  for (const words of [
    ['--abuse-rule', 'claim-places=many'],
    ['--abuse-rule', 'no-such-rule=1'],
    ['--abuse-rule', '__proto__=1'],
    ['--abuse-rule', 'key-returns=1/0'],
    ['--abuse-rule', 'clients-per-thing=0'],
    ['--alarm-webhook', 'ftp://ops.example.net'],
    ['--alarm-webhook', 'http://'],
    ['--ownership-token-seconds', '0'],
    ['--shared-keys', 'delete'],
    ['--shared-keys', 'alarm', '--challenge', 'judge'],
  ]) {
    assert.throws(() => optionsFrom(...words), CommanderError, words.join(' '))
  }
})
