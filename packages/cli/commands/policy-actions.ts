import type { Command } from 'commander'

/** What devices do, as the command names it (AWS IoT Core developer guide, policy actions and their resources). */
export const POLICY_ACTIONS: ReadonlyMap<string, { readonly action: string; readonly type: string }> = new Map([
  ['connect', { action: 'iot:Connect', type: 'client' }],
  ['publish', { action: 'iot:Publish', type: 'topic' }],
  ['retain-publish', { action: 'iot:RetainPublish', type: 'topic' }],
  ['subscribe', { action: 'iot:Subscribe', type: 'topicfilter' }],
  ['receive', { action: 'iot:Receive', type: 'topic' }],
])

/** Gives what is asked of the engine; wrong usage ends the command. */
export function policyRequest(
  action: string,
  resource: string,
  command: Command,
): { action: string; resource: string } {
  const kind = POLICY_ACTIONS.get(action)
  if (kind === undefined)
    command.error(`error: the actions are ${[...POLICY_ACTIONS.keys()].join(', ')}`, { exitCode: 2 })
  return { action: kind.action, resource: resource.startsWith('arn:') ? resource : `${kind.type}/${resource}` }
}
