import type { Scope } from '@birthmark/cloud/registry'

/** Gives the ARN by which rules and hooks name a function. */
export function functionArn({ account, region }: Scope, name: string): string {
  return `arn:aws:lambda:${region}:${account}:function:${name}`
}

/**
 * Gives the name of the function that an ARN means in a scope; a version or alias behind it is ignored, as there is one
 * version. `undefined` for an ARN of another account or region, and for a text that is none.
 */
export function functionNameOf(arn: string, { account, region }: Scope): string | undefined {
  const [, , service, arnRegion, arnAccount, kind, name] = arn.split(':')
  if (service !== 'lambda' || kind !== 'function') return undefined
  return arnRegion === region && arnAccount === account ? name : undefined
}
