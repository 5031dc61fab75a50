import { type AccessRequest, bindPolicies, type PolicyDocument, parsePolicyDocument } from '@birthmark/cloud/policy'
import type { AccessKeyRecord, Scope } from '@birthmark/cloud/registry'
import { AwsException } from '../exceptions.ts'

/** Judges what keys may do, by the documents that they carry. */
export class Permissions {
  readonly #parsed = new Map<string, PolicyDocument>()

  /**
   * Lets a caller pass who is allowed `action` on every one of `resources`. The message is AWS's own.
   *
   * @throws `AccessDeniedException`
   */
  require(
    { key, scope, sourceIp }: { readonly key: AccessKeyRecord; readonly scope: Scope; readonly sourceIp: string },
    action: AccessRequest['action'],
    resources: readonly string[],
  ): void {
    const policies = [{ name: key.role, document: this.#documentOf(key) }]
    const bound = bindPolicies(policies, { ...NOBODY, sourceIp })
    for (const resource of resources) {
      const decision = bound.decide({ action, resource })
      if (decision.effect === 'allow') continue
      const user = `arn:aws:iam::${scope.account}:user/${key.name}`
      const why =
        decision.why === 'explicit-deny'
          ? 'with an explicit deny in an identity-based policy'
          : `because no identity-based policy allows the ${action} action`
      const what = `User: ${user} is not authorized to perform: ${action} on resource: ${resource}`
      throw new AwsException('AccessDeniedException', `${what} ${why}`)
    }
  }

  #documentOf({ permissions }: AccessKeyRecord): PolicyDocument {
    const known = this.#parsed.get(permissions)
    if (known !== undefined) return known
    const document = parsePolicyDocument(permissions)
    if (this.#parsed.size >= PARSED_DOCUMENTS_MAX) this.#parsed.clear()
    this.#parsed.set(permissions, document)
    return document
  }
}

/** A caller of the control plane is no device: of the policy variables only the source address has a value. */
const NOBODY = {
  clientId: undefined,
  certificateId: undefined,
  thing: undefined,
  certificate: undefined,
  connectAttributes: [],
  lastWillTopic: undefined,
} as const

/** Parsed documents that are kept; at the limit all are forgotten and parsed again as they come. */
const PARSED_DOCUMENTS_MAX = 256
