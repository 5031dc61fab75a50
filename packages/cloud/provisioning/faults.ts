import { type Fault, faults, isFault, type Raise } from '@birthmark/foundation/kernel'

/** What can be wrong with a provisioning template, and with provisioning a device by one. */
export const PROVISIONING_FAULTS = {
  TEMPLATE_TOO_LONG: {
    blame: 'caller',
    message: 'the template has {length} characters; {max} are allowed',
    remedy: 'Shorten it; white space counts too.',
    spec: 'AWS IoT API, templateBody',
  },
  TEMPLATE_NOT_JSON: {
    blame: 'caller',
    message: 'the template is not JSON: line {line}, column {column}: {why}',
    remedy: 'Correct the syntax there.',
    spec: 'RFC 8259',
  },
  TEMPLATE_TOO_DEEP: {
    blame: 'caller',
    message: 'line {line} nests more than {max} values in each other',
    remedy: 'Flatten the template; no function needs that depth.',
  },
  TEMPLATE_KEY_REPEATED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is given twice',
    remedy: 'Keep one of the two.',
  },
  TEMPLATE_KEY_UNKNOWN: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is not known there; possible are {known}',
    remedy: 'Correct the spelling, or remove it.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_VALUE_INVALID: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) must be {expected}',
    remedy: 'Correct the value there.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_MEMBER_MISSING: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) lacks {what}',
    remedy: 'Add it there.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_NAME_UNDECLARED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) uses {name}, which the template does not declare',
    remedy: 'Declare it under Parameters or Mappings, or correct the spelling.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_PARAMETER_UNAVAILABLE: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) has no value at a first connection, and no Default',
    remedy: 'Use one of {known}, or give the parameter a Default.',
    spec: 'AWS IoT Core developer guide, Just-in-time provisioning',
  },
  TEMPLATE_FUNCTION_UNKNOWN: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is no function; there are {known}',
    remedy: 'Use one of these functions, or a text.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_FUNCTION_MISPLACED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}): {why}',
    remedy: 'Use another function there.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  TEMPLATE_RESOURCE_REPEATED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is the second {type} of the template',
    remedy: 'Keep one: a template provisions one thing with one certificate.',
  },
  TEMPLATE_POLICY_MALFORMED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is no policy document: {why}',
    remedy: 'Correct the document.',
    spec: 'AWS IoT Core developer guide, AWS IoT Core policies',
  },
  TEMPLATE_NOT_IMPLEMENTED: {
    blame: 'caller',
    message: '{path} (line {line}, column {column}) is not implemented: this registry has no {what}',
    remedy: 'Remove it from the template; everything else in it can be provisioned.',
  },
  PROVISIONING_PARAMETER_MISSING: {
    blame: 'peer',
    message: 'parameter {parameter} was not sent and has no Default',
    remedy: 'Send it with the request, or give it a Default in the template.',
  },
  PROVISIONING_SUBJECT_ATTRIBUTE_MISSING: {
    blame: 'peer',
    message: 'certificate {certificate} has no {attribute} in its subject, where parameter {parameter} takes its value',
    remedy: 'Issue certificates with that attribute, or remove the parameter from the template.',
    spec: 'AWS IoT Core developer guide, Just-in-time provisioning',
  },
  PROVISIONING_VALUE_TOO_LONG: {
    blame: 'peer',
    message: '{path} becomes longer than {max} characters',
    remedy: 'Shorten the parameters that it is made of.',
  },
  PROVISIONING_SELECT_OUT_OF_RANGE: {
    blame: 'peer',
    message: '{path} selects item {index} of a list with {length}',
    remedy: 'Check the parameter that is split there; the first item has number 0.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  PROVISIONING_MAP_ENTRY_MISSING: {
    blame: 'peer',
    message: '{path} looks for {key}, {name} in map {map}, which has no such entry',
    remedy: 'Add the entry to the Mappings of the template, or correct the parameter.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  PROVISIONING_VALUE_INVALID: {
    blame: 'peer',
    message: '{path} becomes {value}, which is not {expected}',
    remedy: 'Check the parameters that it is made of, and the characters that are allowed there.',
    spec: 'AWS IoT API',
  },
  PROVISIONING_ATTRIBUTES_TOO_MANY: {
    blame: 'operator',
    message: 'thing {thing} would have {count} attributes; {max} are allowed',
    remedy: 'Use fewer attributes, or give the thing a type: then 50 are allowed.',
    spec: 'AWS IoT Core quotas',
  },
  PROVISIONING_POLICY_ABSENT: {
    blame: 'operator',
    message: 'policy {policy} of the template does not exist; {path} names it',
    remedy: 'Create the policy; the device is provisioned when it connects again.',
  },
  PROVISIONING_RESOURCE_ABSENT: {
    blame: 'operator',
    message: '{what} {name} of the template does not exist; {path} names it',
    remedy: 'Create it, or correct the template; the device is provisioned when it connects again.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  PROVISIONING_RESOURCE_UNUSABLE: {
    blame: 'operator',
    message: '{what} {name} of the template cannot be used, {why}; {path} names it',
    remedy: 'Name another one in the template.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  PROVISIONING_GROUPS_TOO_MANY: {
    blame: 'operator',
    message: 'thing {thing} would be in {count} thing groups; {max} are allowed',
    remedy: 'Use fewer groups, or take the thing out of some.',
    spec: 'AWS IoT Core quotas',
  },
  PROVISIONING_GROUPS_EXCLUSIVE: {
    blame: 'operator',
    message: 'thing {thing} would be in {group} and in {other}, which have the same root {root}',
    remedy: 'Name one group of a hierarchy, or use REPLACE for ThingGroups.',
    spec: 'AWS IoT API, AddThingToThingGroup',
  },
  PROVISIONING_POLICY_MALFORMED: {
    blame: 'operator',
    message: '{path} becomes no policy document: {why}',
    remedy: 'Correct the document in the template, and what is put into it.',
    spec: 'AWS IoT Core developer guide, AWS IoT Core policies',
  },
  PROVISIONING_POLICY_LIMIT: {
    blame: 'operator',
    message: 'certificate {certificate} would have {count} policies; {max} are allowed',
    remedy: 'Use fewer policies, or detach some.',
    spec: 'AWS IoT Core quotas',
  },
  PROVISIONING_RESOURCE_CONFLICT: {
    blame: 'operator',
    message: '{what} exists with another value, and its OverrideSettings say FAIL',
    remedy: 'Change what exists, or use REPLACE or DO_NOTHING in the template.',
    spec: 'AWS IoT Core developer guide, Provisioning templates',
  },
  PROVISIONING_PRINCIPAL_EXCLUSIVE: {
    blame: 'operator',
    message: 'certificate {certificate} is attached to thing {other}, and one of the attachments is exclusive',
    remedy: 'Detach the certificate from that thing first.',
  },
  PROVISIONING_CERTIFICATE_STATE: {
    blame: 'operator',
    message: 'certificate {certificate} is {status}',
    remedy: 'Change its status if the device may connect; provisioning does not.',
  },
  PROVISIONING_NOT_CONFIGURED: {
    blame: 'operator',
    message: 'CA {ca} has no provisioning template',
    remedy: 'Give the CA a registrationConfig, or activate the device’s certificate yourself.',
  },
  PROVISIONING_TEMPLATE_ABSENT: {
    blame: 'operator',
    message: 'provisioning template {template} of CA {ca} does not exist or is not of type JITP',
    remedy: 'Create it with type JITP, or name another in the CA’s registrationConfig.',
  },
  PROVISIONING_TEMPLATE_DISABLED: {
    blame: 'operator',
    message: 'provisioning template {template} is not enabled',
    remedy: 'Enable it; the device is provisioned when it connects again.',
  },
  PROVISIONING_CONTENDED: {
    blame: 'busy',
    message: 'others changed the same resources {tries} times in a row; last: {change}, {reason}',
    remedy: 'Let the device connect again.',
  },
} as const

/** Makes a fault of {@link PROVISIONING_FAULTS}. */
export const provisioningFault: Raise<typeof PROVISIONING_FAULTS> = faults(PROVISIONING_FAULTS)

/** Tells whether `error` is one of {@link PROVISIONING_FAULTS}: the device cannot be provisioned this way. */
export function isProvisioningFault(error: unknown): error is Fault {
  return isFault(error) && Object.hasOwn(PROVISIONING_FAULTS, error.code)
}

/** Quotes a text from outside for a message, at most 60 characters of it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 59)}…`)
}
