import { randomUUID } from 'node:crypto'
import {
  ABUSE_RULES,
  type AbuseRules,
  type Alarm,
  AlarmBook,
  type AlarmRecord,
  ClaimWatch,
  KeyWatch,
} from '@birthmark/cloud/abuse'
import { Webhook } from '@birthmark/cloud/abuse/adapters'
import type { Bus } from '@birthmark/cloud/bus'
import type { OpenedSession } from '@birthmark/cloud/front'
import { functionArn, type Invocation } from '@birthmark/cloud/functions'
import { AWS_PROFILE, NO_PROPERTIES, parseTopicName } from '@birthmark/cloud/mqtt'
import type { FleetBrake, FleetFailure, FleetRequest, TakenThing } from '@birthmark/cloud/provisioning'
import { type Change, certificateId, type Registry, type Scope } from '@birthmark/cloud/registry'
import {
  type Clock,
  encodeUtf8,
  type Log,
  type Millis,
  messageOf,
  seconds,
  type Timers,
} from '@birthmark/foundation/kernel'

/** What a server does about abuse. */
export interface AbuseOptions {
  /** {@link ABUSE_RULES} where absent. */
  readonly abuseRules?: Partial<AbuseRules>
  /** Where each alarm is sent. */
  readonly alarmWebhook?: string
  /**
   * What becomes of a certificate whose key two devices have: an alarm is all (the default), it becomes INACTIVE
   * (`quarantine`), or the function `challenge` decides, which has to answer `{"genuine": true}` to keep it.
   */
  readonly sharedKeys?: 'alarm' | 'quarantine' | 'challenge'
  /** Name or ARN of that function. */
  readonly challenge?: string
}

interface AbuseParts {
  readonly registry: Registry
  readonly busOf: (scope: Scope) => Bus
  readonly invoke: (scope: Scope, arn: string, event: object, limit: Millis) => Promise<Invocation>
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Log
}

/** Where what devices do is watched, and alarms are raised: log, metrics, topic, webhook, audit log, `/v1/alarms`. */
export class AbuseDesk {
  readonly book: AlarmBook = new AlarmBook()
  readonly #options: AbuseOptions
  readonly #parts: AbuseParts
  readonly #rules: AbuseRules
  readonly #webhook: Webhook | undefined
  readonly #watches = new Map<string, { readonly claims: ClaimWatch; readonly keys: KeyWatch }>()
  #minute = 0
  #inMinute = 0

  constructor(options: AbuseOptions, parts: AbuseParts) {
    this.#options = options
    this.#parts = parts
    this.#rules = { ...ABUSE_RULES, ...options.abuseRules }
    const url = options.alarmWebhook
    this.#webhook = url === undefined ? undefined : new Webhook({ url, timers: parts.timers, log: parts.log })
  }

  /** A session began. Gives what its attempt is to say of it. */
  opened({ scope, at, ...use }: OpenedSession): string | undefined {
    const [alarm] = this.#of(scope).keys.opened(use, at)
    if (alarm === undefined) return undefined
    const action = this.#options.sharedKeys ?? 'alarm'
    this.#raise(scope, alarm, ACTIONS[action])
    if (action !== 'alarm') void this.#act(scope, alarm, action)
    return `${alarm.rule}: ${alarm.reason}`
  }

  /** A claim asks for something. Gives why it has to wait. */
  brake({ scope, client }: FleetRequest): FleetBrake | undefined {
    const request = requestOf(client)
    if (request === undefined) return undefined
    const { brake, alarms } = this.#of(scope).claims.asks(request, this.#parts.clock.now())
    for (const alarm of alarms) this.#raise(scope, alarm, ACTIONS.brake)
    return brake
  }

  /** A claim was refused. */
  refused({ scope, client }: FleetRequest, { code, why }: FleetFailure): void {
    const request = requestOf(client)
    if (request === undefined || !REFUSALS.has(code)) return
    const alarms = this.#of(scope).claims.refused({ ...request, why }, this.#parts.clock.now())
    for (const alarm of alarms) this.#raise(scope, alarm, ACTIONS.brake)
  }

  /** A claim asked for a thing of somebody else. */
  took({ scope, client, thingName, others, outcome }: TakenThing): void {
    const request = requestOf(client)
    if (request === undefined) return
    const alarms = this.#of(scope).claims.took({ ...request, thingName, others, outcome }, this.#parts.clock.now())
    for (const alarm of alarms) this.#raise(scope, alarm, ACTIONS.brake)
  }

  close(): void {
    this.#webhook?.close()
  }

  #of(scope: Scope): { readonly claims: ClaimWatch; readonly keys: KeyWatch } {
    const key = `${scope.account}/${scope.region}`
    const known = this.#watches.get(key)
    if (known !== undefined) return known
    const watch = { claims: new ClaimWatch(this.#rules), keys: new KeyWatch(this.#rules) }
    this.#watches.set(key, watch)
    return watch
  }

  #raise(scope: Scope, alarm: Alarm, action: string): void {
    const record = this.book.add(alarm, scope, action)
    const { rule, certificateId: id, reason } = alarm
    this.#parts.log.write('warn', 'abuse.alarm', { ...scope, rule, certificateId: id, reason, action })
    if (this.#isFlood(alarm)) return
    this.#webhook?.send(record)
    void this.#tell(scope, record)
  }

  /** Whoever makes alarms in numbers must not fill the disk with them. */
  #isFlood({ at }: Alarm): boolean {
    const minute = Math.floor(at / MINUTE)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#inMinute = 0
    }
    this.#inMinute += 1
    if (this.#inMinute === TOLD_IN_A_MINUTE_MAX + 1) {
      this.#parts.log.write('error', 'abuse.alarms-not-told', { toldInAMinute: TOLD_IN_A_MINUTE_MAX })
    }
    return this.#inMinute > TOLD_IN_A_MINUTE_MAX
  }

  async #tell(scope: Scope, record: AlarmRecord): Promise<void> {
    try {
      await this.#parts.busOf(scope).publish({
        topic: parseTopicName(`$birthmark/alarms/${record.rule}/${record.certificateId}`, AWS_PROFILE),
        payload: encodeUtf8(JSON.stringify(record)),
        qos: 1,
        properties: NO_PROPERTIES,
        publisher: undefined,
        receivedAt: record.at,
      })
      await this.#parts.registry.in(scope).commit([this.#audit(scope, 'RaiseAlarm', record.certificateId, record.rule)])
    } catch (error) {
      this.#parts.log.write('error', 'abuse.alarm-not-told', { rule: record.rule, why: messageOf(error) })
    }
  }

  async #act(scope: Scope, alarm: Alarm, action: 'quarantine' | 'challenge'): Promise<void> {
    const { log } = this.#parts
    try {
      if (action === 'challenge' && (await this.#isGenuine(scope, alarm))) return
      await this.#quarantine(scope, alarm)
    } catch (error) {
      log.write('error', 'abuse.quarantine-failed', { certificateId: alarm.certificateId, why: messageOf(error) })
    }
  }

  async #isGenuine(scope: Scope, alarm: Alarm): Promise<boolean> {
    const { challenge = '' } = this.#options
    const arn = challenge.includes(':') ? challenge : functionArn(scope, challenge)
    const called = await this.#parts.invoke(scope, arn, { ...alarm }, CHALLENGE_TIME)
    const isGenuine = called.outcome === 'answered' && Reflect.get(Object(called.answer), 'genuine') === true
    const { certificateId: id } = alarm
    this.#parts.log.write('warn', 'abuse.challenged', { certificateId: id, outcome: called.outcome, isGenuine })
    return isGenuine
  }

  /** The status and who changed it reach the disk together; every session of the certificate then ends. */
  async #quarantine(scope: Scope, { certificateId: text }: Alarm): Promise<void> {
    const id = certificateId(text)
    if (id === undefined) return
    const at = this.#parts.clock.now()
    const result = await this.#parts.registry
      .in(scope)
      .commit([
        { do: 'set-certificate-status', id, from: ['ACTIVE'], to: 'INACTIVE', at },
        this.#audit(scope, 'QuarantineCertificate', text),
      ])
    this.#parts.log.write('warn', 'abuse.quarantined', { certificateId: id, done: result.ok })
  }

  #audit({ account, region }: Scope, name: string, id: string, code?: string): Change {
    return {
      do: 'record-audit',
      entry: {
        at: this.#parts.clock.now(),
        region,
        accessKeyId: ACTOR,
        keyName: ACTOR,
        action: `birthmark:${name}`,
        resources: [`arn:aws:iot:${region}:${account}:cert/${id}`],
        sourceIp: undefined,
        userAgent: undefined,
        requestId: randomUUID(),
        outcome: 'done',
        code,
      },
    }
  }
}

function requestOf(client: FleetRequest['client']): Parameters<ClaimWatch['asks']>[0] | undefined {
  const { certificateId: id, connectionId, remoteAddress } = client
  return id === undefined ? undefined : { certificateId: id, connectionId, remoteAddress }
}

/** What is asked for and refused because it is not the claim's: a mistake once, an attempt when it repeats. */
const REFUSALS: ReadonlySet<string> = new Set([
  'FLEET_OUTSIDE_ALLOW_LIST',
  'FLEET_CLAIM_EXHAUSTED',
  'FLEET_THING_TAKEN',
  'HOOK_REFUSED',
])

/** What the server did, in the alarm's words. */
const ACTIONS = {
  brake: 'each connection with the claim gets what one device needs, for a while',
  alarm: 'none',
  quarantine: 'the certificate becomes INACTIVE',
  challenge: 'a function decides whether the certificate becomes INACTIVE',
} as const

/** Who the audit log names for what the rules do. */
const ACTOR = 'abuse-rules'
/** How long a function may take over a challenge: a device on a slow radio link answers within it. */
const CHALLENGE_TIME: Millis = seconds(30)
const MINUTE: Millis = seconds(60)
/** Alarms in a minute that leave this process; further ones are in the log and in `/v1/alarms`. */
const TOLD_IN_A_MINUTE_MAX = 60
