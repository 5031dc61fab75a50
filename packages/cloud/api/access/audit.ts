import type { AccessKeyRecord, AuditEntry, Change, Registry, Scope, ScopedRegistry } from '@birthmark/cloud/registry'
import type { Instant } from '@birthmark/foundation/kernel'
import { exceptionOf } from '../errors.ts'

/** Who asked for a change, and from where. */
export interface AuditSubject {
  readonly key: Pick<AccessKeyRecord, 'id' | 'name'>
  readonly scope: Scope
  readonly at: Instant
  readonly requestId: string
  readonly sourceIp: string | undefined
  readonly userAgent: string | undefined
}

/**
 * Keeps the audit log for one request. The entry of a change goes to disk in one transaction with it, so that neither
 * is ever there without the other; what changed nothing is told afterwards by {@link Auditor.conclude}.
 */
export class Auditor {
  readonly registry: ScopedRegistry
  readonly #plain: ScopedRegistry
  readonly #subject: AuditSubject
  #action = ''
  #resources: readonly string[] = []
  #isRecorded = false

  constructor(registry: Registry, subject: AuditSubject) {
    this.#subject = subject
    this.#plain = registry.in(subject.scope)
    this.registry = registry.in(subject.scope, () => this.#alongside())
  }

  /** Says what is about to be done. A request that only reads never says so, and leaves no entry. */
  begin(action: string, resources: readonly string[]): void {
    this.#action = action
    this.#resources = resources.slice(0, RESOURCES_MAX).map((text) => text.slice(0, RESOURCE_CHARACTERS_MAX))
  }

  /** Writes the entry of a change that was refused, failed, or found nothing to do. */
  async conclude(error: unknown): Promise<void> {
    if (this.#action === '' || (error === undefined && this.#isRecorded)) return
    await this.#plain.commit([{ do: 'record-audit', entry: this.#entry(error) }])
  }

  #alongside(): readonly Change[] {
    if (this.#action === '') return []
    this.#isRecorded = true
    return [{ do: 'record-audit', entry: this.#entry(undefined) }]
  }

  #entry(error: unknown): AuditEntry {
    const { key, scope, at, requestId, sourceIp, userAgent } = this.#subject
    const code = error === undefined ? undefined : exceptionOf(error)
    return {
      at,
      region: scope.region,
      accessKeyId: key.id,
      keyName: key.name,
      action: this.#action,
      resources: this.#resources,
      sourceIp,
      userAgent: userAgent?.slice(0, USER_AGENT_CHARACTERS_MAX),
      requestId,
      outcome: outcomeOf(code),
      code: code?.name,
    }
  }
}

function outcomeOf(code: { readonly name: string; readonly status: number } | undefined): AuditEntry['outcome'] {
  if (code === undefined) return 'done'
  if (code.name === 'AccessDeniedException') return 'denied'
  return code.status >= 500 ? 'failed' : 'refused'
}

/** Resources that an entry names; no operation names more than four. */
const RESOURCES_MAX = 8
/** Longest ARN that an entry keeps, in characters: a name of 256 and what stands before it. The rest is cut off. */
const RESOURCE_CHARACTERS_MAX = 512
/** How much of what a client says about itself an entry keeps, in characters. */
const USER_AGENT_CHARACTERS_MAX = 128
