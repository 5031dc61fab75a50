import type { IoTClient } from '@aws-sdk/client-iot'
import { billingGroups, deprecations, thingGroups, thingTypes } from './catalog.ts'
import { policies, templates } from './documents.ts'
import { authorities, certificates, things } from './identities.ts'
import type { AccountRecord, Family } from './record.ts'
import { authorizers, certificateProviders, domainConfigurations, roleAliases, topicRules } from './services.ts'
import { settings } from './settings.ts'

export type { AccountRecord } from './record.ts'

/**
 * Reads an account by AWS IoT's own operations, so also one at AWS. What others refer to comes first. No record holds a
 * secret; moments, version numbers and ids that the cloud chooses are left out, for they differ between accounts.
 */
export async function* readAccount(client: IoTClient): AsyncGenerator<AccountRecord> {
  for (const family of FAMILIES) {
    for await (const [name, content] of family.read(client)) yield { kind: family.kind, name, content }
  }
}

/** Makes what a record says, which is not there yet. @throws the exceptions of AWS's own client */
export async function makeRecord(client: IoTClient, { kind, name, content }: AccountRecord): Promise<void> {
  await FAMILIES.find((family) => family.kind === kind)?.make(client, name, content)
}

/** In an order in which each can be made: what is named comes before what names it. */
const FAMILIES: readonly Family[] = [
  policies,
  roleAliases,
  templates,
  thingTypes,
  billingGroups,
  authorizers,
  // A dynamic group needs the index.
  settings,
  thingGroups,
  authorities,
  certificates,
  things,
  deprecations,
  certificateProviders,
  topicRules,
  domainConfigurations,
]

/** The kinds of record that an export may have. */
export const RECORD_KINDS: readonly string[] = FAMILIES.map(({ kind }) => kind)
