import type { AccessKeyRecord } from '@birthmark/cloud/registry'
import { seconds } from '@birthmark/foundation/kernel'
import { newAccessKey } from '../access/keys.ts'
import { type Permission, ROLE_NAMES } from '../access/roles.ts'
import { invalidRequest, notFound } from '../exceptions.ts'
import { conflictException } from '../operations/conflicts.ts'
import type { Fields, Given } from './fields.ts'
import type { OwnOperation } from './operation.ts'

/** Who may call: the access keys of the caller's account. */
export const ACCESS_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadAccessKeys',
    method: 'GET',
    path: '/v1/access',
    summary: 'Lists the access keys of the account, without their secrets.',
    changes: false,
    fields: {},
    answers: { accessKeys: 'each with accessKeyId, name, role, region, createdAt, expiresAt (of a temporary key)' },
    async perform({ whole, caller: { scope } }) {
      const open = (await whole.openScopes()).filter((row) => row.scope.account === scope.account)
      const regions = [...new Set([scope.region, ...open.map((row) => row.scope.region)])]
      const views = regions.map(async (region) => {
        const keys = await whole.in({ account: scope.account, region }).accessKeys()
        return keys.map((key) => viewOf(key, region))
      })
      return { accessKeys: (await Promise.all(views)).flat() }
    },
  },
  {
    name: 'CreateAccessKey',
    method: 'POST',
    path: '/v1/access',
    summary: 'Makes an access key and shows its secret, this once.',
    changes: true,
    fields: keyFields(),
    answers: { accessKey: 'as ReadAccessKeys tells it, with secretAccessKey and, of a temporary key, sessionToken' },
    async perform({ given, registry, caller: { scope }, options: { clock, entropy } }) {
      const key = newAccessKey(keyRequestOf(given), clock, entropy)
      const change = { do: 'create-access-key', key } as const
      const result = await registry.commit([change])
      if (!result.ok) throw conflictException(scope, change, result.reason)
      return { accessKey: withSecret(key, scope.region) }
    },
  },
  {
    name: 'RevokeAccessKey',
    method: 'DELETE',
    path: '/v1/access/{accessKeyId}',
    summary: 'Ends an access key at once.',
    changes: true,
    fields: {},
    answers: {},
    async perform({ label, whole, registry, caller }) {
      if (label === caller.key.id) throw invalidRequest('A key cannot revoke itself: sign with another one.')
      const found = await whole.accessKey(label)
      if (found === undefined || found.scope.account !== caller.scope.account) {
        throw notFound(`There is no such access key (id=${label.slice(0, 64)})`)
      }
      const revoke = { do: 'revoke-access-key', id: label } as const
      const result = await registry.commitWith([], { scope: found.scope, changes: [revoke] })
      if (!result.ok) throw conflictException(found.scope, revoke, result.reason)
      return {}
    },
  },
]

/** Reads what a new key is to be. @throws `InvalidRequestException` */
export function keyRequestOf(given: Given): Parameters<typeof newAccessKey>[0] {
  const lasts = given.integer('lastsSeconds')
  return {
    name: given.text('name') ?? '',
    permission: permissionOf(given),
    ...(lasts === undefined ? {} : { lasts: seconds(lasts) }),
  }
}

function permissionOf(given: Given): Permission {
  const document = given.text('policyDocument')
  const name = given.text('role')
  if ((document === undefined) === (name === undefined)) throw invalidRequest('Give either role or policyDocument.')
  if (document !== undefined) return { role: 'custom', document }
  const role = ROLE_NAMES.find((known) => known === name)
  if (role === undefined) throw invalidRequest(`role must be one of ${ROLE_NAMES.join(', ')}.`)
  return { role, templates: given.texts('templates') }
}

/** Shows a key without what is secret of it. */
function viewOf({ id, name, role, createdAt, session }: AccessKeyRecord, region: string): object {
  const expiry = session === undefined ? {} : { expiresAt: session.expiresAt }
  return { accessKeyId: id, name, role, region, createdAt, ...expiry }
}

/** Shows a new key whole: the only time that its secret leaves the server. */
export function withSecret(key: AccessKeyRecord, region: string): object {
  const token = key.session === undefined ? {} : { sessionToken: key.session.token }
  return { ...viewOf(key, region), secretAccessKey: key.secret, ...token }
}

function keyFields(): Fields {
  return {
    name: { type: 'string', required: true, description: 'whose key it is: 1 to 64 letters, digits and +=,.@_-' },
    role: { type: 'string', values: ROLE_NAMES, description: 'a ready role' },
    templates: { type: 'strings', description: 'the templates that an installer may ask claims of' },
    policyDocument: { type: 'string', description: 'permissions of its own, instead of a role' },
    lastsSeconds: { type: 'integer', description: 'makes a temporary key: 900 to 129600' },
  }
}
