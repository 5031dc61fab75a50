import type { Tag } from '@aws-sdk/client-iot'
import { type Change, certificateId, type DocumentKind, type Scope } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf } from './pages.ts'

/** Tags of resources; things and device certificates have none, as at AWS. */
export const tagOperations: Partial<Operations> = {
  async TagResource({ resourceArn, tags }, call) {
    const resource = await requireTaggable(resourceArn, call)
    await commit(call, ...tagChanges(resource, tags))
    return {}
  },

  async UntagResource({ resourceArn, tagKeys }, call) {
    const resource = await requireTaggable(resourceArn, call)
    await commit(call, { do: 'untag', resource, keys: tagKeys })
    return {}
  },

  async ListTagsForResource({ resourceArn, nextToken: after }, call) {
    const resource = await requireTaggable(resourceArn, call)
    const rows = Object.entries(await call.registry.catalog.tags(resource))
    const page = pageOf(rows, ([key]) => key, after === undefined ? { limit: PAGE_TAGS } : { limit: PAGE_TAGS, after })
    return { tags: page.rows.map(([Key, Value]) => ({ Key, Value })), nextToken: nextToken(page) }
  },
}

/**
 * Gives the changes that put the tags of a request on what it makes, to be committed with it.
 *
 * @param resource The end of its ARN, such as `thinggroup/north`
 * @throws `InvalidRequestException`
 */
export function tagChanges(resource: string, tags: readonly Tag[] | undefined): readonly Change[] {
  if (tags === undefined || tags.length === 0) return []
  const keys = tags.map(({ Key }) => Key ?? '')
  if (new Set(keys).size < keys.length) throw invalidRequest('A tag key is given twice.')
  const reserved = keys.find((key) => key.toLowerCase().startsWith('aws:'))
  if (reserved !== undefined) throw invalidRequest(`Tag keys must not begin with aws: (${reserved})`)
  return [{ do: 'tag', resource, tags: Object.fromEntries(tags.map(({ Key, Value }) => [Key ?? '', Value ?? ''])) }]
}

/** @throws `InvalidRequestException` for what can not be tagged; `ResourceNotFoundException` */
async function requireTaggable(arn: string, call: Call): Promise<string> {
  const [, region, account, resource] = /^arn:aws[\w-]*:iot:([\w-]+):(\d{12}):(.+)$/s.exec(arn) ?? []
  const type = resource?.slice(0, resource.search(/[/:]/))
  const exists = TAGGABLE.get(type ?? '')
  if (resource === undefined || exists === undefined) throw invalidRequest(`Invalid resource ARN ${arn}`)
  const isHere = isScope(call.registry.scope, account, region)
  const name = resource.slice(resource.search(/[/:]/) + 1)
  if (!isHere || !(await exists(name, call))) throw notFound(`Resource not found: ${arn}`)
  return resource.split('/', 2).join('/')
}

function isScope(scope: Scope, account: string | undefined, region: string | undefined): boolean {
  return scope.account === account && scope.region === region
}

type Exists = (name: string, call: Call) => Promise<boolean>

/** What can be tagged, by the word before the slash of its ARN. */
const TAGGABLE: ReadonlyMap<string, Exists> = new Map<string, Exists>([
  ['policy', async (name, { registry }) => (await registry.policy(name)) !== undefined],
  ['provisioningtemplate', async (name, { registry }) => (await registry.template(name)) !== undefined],
  ['cacert', async (name, call) => (await caOf(name, call)) !== undefined],
  ['thingtype', async (name, { registry }) => (await registry.catalog.thingType(name)) !== undefined],
  ['thinggroup', async (name, { registry }) => (await registry.catalog.thingGroup(name)) !== undefined],
  ['rule', (name, { registry }) => isStored('topic-rule', name, registry)],
  ['rolealias', (name, { registry }) => isStored('role-alias', name, registry)],
  ['authorizer', (name, { registry }) => isStored('authorizer', name, registry)],
  ['domainconfiguration', (name, { registry }) => isStored('domain-configuration', name, registry)],
  ['certificateprovider', (name, { registry }) => isStored('certificate-provider', name, registry)],
  ['billinggroup', async (name, { registry }) => (await registry.catalog.billingGroup(name)) !== undefined],
])

/** What follows the name in an ARN, as in `domainconfiguration/factory/1a2b3`, does not matter. */
async function isStored(kind: DocumentKind, name: string, { provisioning }: Call['registry']): Promise<boolean> {
  return (await provisioning.document(kind, name.split('/', 1)[0] ?? '')) !== undefined
}

async function caOf(name: string, { registry }: Call): Promise<unknown> {
  const id = certificateId(name)
  return id === undefined ? undefined : registry.caCertificate(id)
}

/** Tags that one answer lists: all that a resource can have. */
const PAGE_TAGS = 50
