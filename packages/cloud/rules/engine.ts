import { randomUUID } from 'node:crypto'
import type { Bus, Receiver } from '@birthmark/cloud/bus'
import { AWS_PROFILE, type Delivery, NO_PROPERTIES, parseTopicFilter, parseTopicName } from '@birthmark/cloud/mqtt'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Clock, decodeUtf8, encodeUtf8, type Log, messageOf } from '@birthmark/foundation/kernel'
import { parseTerm } from './parse-sql.ts'
import { parseRule, type RuleAction, type TopicRule } from './rule.ts'
import { evaluate, type RuleInput, runQuery, textOf } from './sql.ts'

/** What rules work on and with. */
export interface RuleWorld {
  readonly registry: Registry
  readonly busOf: (scope: Scope) => Bus
  /** Calls a function; resolves with why it failed, and with nothing when it did not. Never rejects. */
  readonly invoke: (scope: Scope, arn: string, event: unknown) => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Log
}

/** Runs the topic rules of every scope, as they are now: what is changed takes effect with its commit. */
export class RuleEngine {
  readonly #world: RuleWorld
  readonly #running = new Map<string, { readonly bus: Bus; readonly receiver: Receiver }>()
  readonly #unsubscribe: () => void

  private constructor(world: RuleWorld) {
    this.#world = world
    this.#unsubscribe = world.registry.onCommit((scope, changes) => {
      for (const change of changes) {
        if (change.do === 'create-document' && change.document.kind === 'topic-rule') {
          this.#start(scope, change.document.name, change.document.body)
        } else if (change.do === 'replace-document' && change.kind === 'topic-rule') {
          this.#start(scope, change.name, change.body)
        } else if (change.do === 'delete-document' && change.kind === 'topic-rule') this.#stop(scope, change.name)
      }
    })
  }

  /** Starts every rule that is kept. @throws faults of the registry */
  static async open(world: RuleWorld): Promise<RuleEngine> {
    const engine = new RuleEngine(world)
    for (const { scope } of await world.registry.openScopes()) {
      const documents = await world.registry.in(scope).provisioning.documents('topic-rule')
      for (const { name, body } of documents) engine.#start(scope, name, body)
    }
    return engine
  }

  /** Ends every rule. */
  close(): void {
    this.#unsubscribe()
    for (const { bus, receiver } of this.#running.values()) bus.leave(receiver)
    this.#running.clear()
  }

  #start(scope: Scope, name: string, body: string): void {
    this.#stop(scope, name)
    try {
      const rule = parseRule(JSON.parse(body))
      const { from } = rule.query
      if (rule.isDisabled || from === undefined) return
      const bus = this.#world.busOf(scope)
      const receiver: Receiver = {
        connectionId: undefined,
        deliver: (delivery) => this.#receive(scope, name, rule, delivery),
      }
      bus.subscribe(parseTopicFilter(from, AWS_PROFILE), receiver, GRANT)
      this.#running.set(keyOf(scope, name), { bus, receiver })
    } catch (error) {
      this.#world.log.write('error', 'rule.unusable', { rule: name, why: messageOf(error) })
    }
  }

  #stop(scope: Scope, name: string): void {
    const key = keyOf(scope, name)
    const running = this.#running.get(key)
    running?.bus.leave(running.receiver)
    this.#running.delete(key)
  }

  #receive(scope: Scope, name: string, rule: TopicRule, { message }: Delivery): void {
    try {
      const input: RuleInput = {
        topic: message.topic,
        payload: jsonOf(message.payload),
        clientId: message.clientId,
        now: this.#world.clock.now(),
        accountId: scope.account,
        uuid: randomUUID,
      }
      const result = runQuery(rule.query, input)
      if (result === undefined) return
      for (const action of rule.actions) void this.#act(scope, name, rule, action, result, input)
    } catch (error) {
      this.#world.log.write('error', 'rule.failed', { rule: name, why: messageOf(error) })
    }
  }

  async #act(
    scope: Scope,
    name: string,
    rule: TopicRule,
    action: RuleAction,
    result: unknown,
    input: RuleInput,
  ): Promise<void> {
    const why = await this.#perform(scope, action, result, input)
    if (why === undefined) return
    this.#world.log.write('warn', 'rule.action-failed', { rule: name, action: action.do, topic: input.topic, why })
    if (rule.errorAction === undefined) return
    const failure = {
      ruleName: name,
      topic: input.topic,
      cloudwatchTraceId: input.uuid(),
      clientId: input.clientId ?? 'N/A',
      base64OriginalPayload: Buffer.from(JSON.stringify(input.payload ?? null)).toString('base64'),
      failures: [{ failedAction: action.do, failedResource: resourceOf(action), errorMessage: why }],
    }
    const again = await this.#perform(scope, rule.errorAction, failure, input)
    if (again !== undefined) this.#world.log.write('warn', 'rule.error-action-failed', { rule: name, why: again })
  }

  /** Gives why an action failed. */
  async #perform(scope: Scope, action: RuleAction, result: unknown, input: RuleInput): Promise<string | undefined> {
    try {
      if (action.do === 'lambda') return await this.#world.invoke(scope, action.functionArn, result)
      const topic = parseTopicName(substituted(action.topic, input), AWS_PROFILE)
      // A rule that republishes to what it takes would go round for ever.
      if (topic === input.topic) return `it would publish to ${topic}, which it was started by`
      await this.#world.busOf(scope).publish({
        topic,
        payload: encodeUtf8(typeof result === 'string' ? result : JSON.stringify(result)),
        qos: action.qos,
        properties: NO_PROPERTIES,
        publisher: undefined,
        receivedAt: this.#world.clock.now(),
      })
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }
}

/** Puts the values of `${…}` into a text. */
function substituted(text: string, input: RuleInput): string {
  return text.replaceAll(/\$\{([^}]*)\}/g, (_, term: string) => textOf(evaluate(parseTerm(term), input)))
}

function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(payload) ?? '')
  } catch {
    return undefined
  }
}

function resourceOf(action: RuleAction): string {
  return action.do === 'lambda' ? action.functionArn : action.topic
}

/** A rule keeps nothing across connections: a message is its own the moment it comes. */
const GRANT = { qos: 1, noLocal: false } as const

function keyOf({ account, region }: Scope, name: string): string {
  return `${account}/${region}/${name}`
}
