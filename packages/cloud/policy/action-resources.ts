/**
 * What devices ask for, in lower case, and the type of resource that each is about; `*` for none (AWS IoT Core
 * developer guide, AWS IoT Core policy actions and action resources).
 */
export const ACTION_RESOURCES: ReadonlyMap<string, string> = new Map([
  ['iot:connect', 'client'],
  ['iot:publish', 'topic'],
  ['iot:retainpublish', 'topic'],
  ['iot:receive', 'topic'],
  ['iot:subscribe', 'topicfilter'],
  ['iot:getretainedmessage', 'topic'],
  ['iot:listretainedmessages', '*'],
  ['iot:getthingshadow', 'thing'],
  ['iot:updatethingshadow', 'thing'],
  ['iot:deletethingshadow', 'thing'],
  ['iot:listnamedshadowsforthing', '*'],
  ['iot:describejobexecution', 'thing'],
  ['iot:getpendingjobexecutions', 'thing'],
  ['iot:updatejobexecution', 'thing'],
  ['iot:startnextpendingjobexecution', 'thing'],
  ['iot:assumerolewithcertificate', 'rolealias'],
  ['iot:deleteconnection', 'client'],
  ['iot:getconnection', 'client'],
  ['iot:listsubscriptions', 'client'],
  ['iot:senddirectmessage', 'client'],
])

/** Tells whether an action that devices do not have looks like one of the control plane, by its verb. */
export function isControlAction(action: string): boolean {
  return CONTROL_VERBS.some((verb) => action.startsWith(`iot:${verb}`))
}

const CONTROL_VERBS: readonly string[] = (
  'accept add associate attach cancel clear confirm create delete deprecate describe detach disable ' +
  'enable get list register reject remove replace search set start stop ' +
  'tag test transfer untag update validate'
).split(' ')
