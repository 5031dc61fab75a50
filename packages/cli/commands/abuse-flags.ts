import { ABUSE_RULES, type AbuseRules, type Threshold } from '@birthmark/cloud/abuse'
import type { AbuseOptions } from '@birthmark/cloud/server'
import { seconds } from '@birthmark/foundation/kernel'
import { type Command, InvalidArgumentError, Option } from 'commander'

/** What `birthmark server` does about leaked claims and shared keys. */
export interface AbuseFlags {
  readonly abuseRule?: Partial<AbuseRules>
  readonly alarmWebhook?: string
  readonly sharedKeys: 'alarm' | 'quarantine'
  readonly challenge?: string
  readonly ownershipTokenSeconds?: number
}

/** Gives what the flags mean to the server. */
export function abuseOptionsOf({ abuseRule, sharedKeys, challenge }: AbuseFlags): AbuseOptions {
  return {
    sharedKeys: challenge === undefined ? sharedKeys : 'challenge',
    ...(challenge === undefined ? {} : { challenge }),
    ...(abuseRule === undefined ? {} : { abuseRules: abuseRule }),
  }
}

/** Adds the options about abuse. */
export function withAbuseOptions(command: Command): Command {
  return command
    .option('--alarm-webhook <url>', 'send each alarm there as JSON (POST)', parseHook)
    .addOption(
      new Option('--shared-keys <how>', 'what becomes of a certificate whose key two devices seem to have')
        .choices(['alarm', 'quarantine'])
        .default('alarm'),
    )
    .addOption(
      new Option(
        '--challenge <function>',
        'ask this function then: only {"genuine": true} keeps the certificate',
      ).conflicts('sharedKeys'),
    )
    .option('--ownership-token-seconds <n>', 'how long a claim may take to use its certificate (3600)', parseSeconds)
    .option('--abuse-rule <rule>', `NAME=COUNT/SECONDS, repeatable: ${ruleNames().join(', ')}`, parseRule)
}

function parseHook(text: string): string {
  if (!/^https?:/.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError('Name an address such as https://ops.example.net/alarms.')
  return text
}

function parseSeconds(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('Name seconds from 1.')
  return Number(text)
}

function parseRule(text: string, before: Partial<AbuseRules> = {}): Partial<AbuseRules> {
  const [, name = '', count, within] = /^([a-z-]+)=(\d{1,9})(?:\/(\d{1,6}))?$/.exec(text) ?? []
  const isCount = name === CLIENTS && within === undefined && Number(count) > 0
  if (isCount) return { ...before, clientsPerThing: Number(count) }
  const member = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
  if (member === undefined || count === undefined || Number(within ?? 1) === 0) {
    throw new InvalidArgumentError(`Name COUNT or COUNT/SECONDS of one of ${ruleNames().join(', ')}.`)
  }
  const usual = ABUSE_RULES[member]
  const span = within === undefined ? usual.within : seconds(Number(within))
  const threshold: Threshold = { count: Number(count), within: span }
  return { ...before, [member]: threshold }
}

function ruleNames(): readonly string[] {
  return [...Object.keys(NAMES), CLIENTS]
}

type ThresholdName = {
  readonly [Name in keyof AbuseRules]: AbuseRules[Name] extends Threshold ? Name : never
}[keyof AbuseRules]

/** It has no span of time. */
const CLIENTS = 'clients-per-thing'
const NAMES: Readonly<Record<string, ThresholdName>> = {
  'claim-places': 'claimPlaces',
  'claim-refusals': 'claimRefusals',
  'claim-requests': 'claimRequests',
  'connection-requests': 'connectionRequests',
  'connection-refusals': 'connectionRefusals',
  'key-returns': 'keyReturns',
  'key-take-overs': 'keyTakeOvers',
}
