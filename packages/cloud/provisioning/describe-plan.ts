import type { ExistingResources, PlannedChange, ProvisioningPlan } from './plan-model.ts'

/**
 * Tells what committing a plan would change, for people: one line for each change, `+` for what is new and `~` for what
 * becomes another, `-` for what goes. Empty when nothing would change.
 */
export function describePlan(plan: ProvisioningPlan, existing: ExistingResources): readonly string[] {
  return plan.changes.flatMap((change) => describeChange(change, existing))
}

function describeChange(change: PlannedChange, existing: ExistingResources): readonly string[] {
  switch (change.do) {
    case 'register-certificate':
      return [`+ certificate ${change.certificate.id}: ${change.certificate.status}`]
    case 'create-thing':
      return [
        `+ thing ${change.thing.name}${typed(change.thing.typeName)}${billed(change.thing.billingGroupName)}`,
        ...differences({}, change.thing.attributes),
      ]
    case 'update-thing': {
      const before = existing.thing
      const type = before?.typeName === change.typeName ? '' : typed(change.typeName)
      return [`~ thing ${change.name}${type}`, ...differences(before?.attributes ?? {}, change.attributes)]
    }
    case 'add-to-thing-group':
      return [`+ thing ${change.thingName} in thing group ${change.groupName}`]
    case 'remove-from-thing-group':
      return [`- thing ${change.thingName} in thing group ${change.groupName}`]
    case 'create-policy':
      return [`+ policy ${change.policy.name}: ${change.policy.document}`]
    case 'attach-policy':
      return [`+ policy ${change.policyName} on certificate ${change.certificateId}`]
    case 'attach-thing-principal': {
      const how = change.exclusive ? ', exclusively' : ''
      return [`+ certificate ${change.certificateId} on thing ${change.thingName}${how}`]
    }
    case 'detach-thing-principal':
      return [`- certificate ${change.certificateId} on thing ${change.thingName}`]
    case 'set-certificate-status':
      return [`~ certificate ${change.id}: ${change.from.join(' or ')} -> ${change.to}`]
  }
}

function typed(typeName: string | undefined): string {
  return typeName === undefined ? '' : ` of type ${typeName}`
}

function billed(groupName: string | undefined): string {
  return groupName === undefined ? '' : ` in billing group ${groupName}`
}

function differences(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((name) => {
    const old = Object.hasOwn(before, name) ? before[name] : undefined
    const now = Object.hasOwn(after, name) ? after[name] : undefined
    if (old === now) return []
    if (old === undefined) return [`    + ${name} = ${now}`]
    return now === undefined ? [`    - ${name} = ${old}`] : [`    ~ ${name} = ${old} -> ${now}`]
  })
}
