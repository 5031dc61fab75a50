import type { Scope } from '@birthmark/cloud/registry'
import { arnOf } from './resolve-template.ts'

/** Gives the ARN of a provisioning template. */
export function templateArn(scope: Scope, name: string): string {
  return arnOf(scope, 'provisioningtemplate', name)
}
