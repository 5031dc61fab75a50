import { ROLE_ALIASES_MAX } from '../limits.ts'
import type { Call, Operations } from '../operation-types.ts'
import { arnOf } from './arns.ts'
import { nextToken, pageRequest } from './pages.ts'
import { StoredFamily } from './stored-family.ts'
import { dateOf } from './values.ts'

interface RoleAlias {
  readonly roleArn: string
  readonly credentialDurationSeconds: number
}

const aliases = new StoredFamily<RoleAlias>({
  kind: 'role-alias',
  title: 'Role alias',
  max: ROLE_ALIASES_MAX,
  arn: arnOfAlias,
})

/** Names for roles that devices may assume. They are kept; this endpoint gives no credentials. */
export const roleAliasOperations: Partial<Operations> = {
  async CreateRoleAlias({ roleAlias, roleArn, credentialDurationSeconds = DURATION_DEFAULT, tags }, call) {
    await aliases.create(roleAlias, { roleArn, credentialDurationSeconds }, call, tags)
    return { roleAlias, roleAliasArn: arnOfAlias(roleAlias, call) }
  },

  async DescribeRoleAlias({ roleAlias }, call) {
    const { content, createdAt, modifiedAt } = await aliases.require(roleAlias, call)
    const roleAliasDescription = {
      roleAlias,
      roleAliasArn: arnOfAlias(roleAlias, call),
      ...content,
      owner: call.registry.scope.account,
      creationDate: dateOf(createdAt),
      lastModifiedDate: dateOf(modifiedAt),
    }
    return { roleAliasDescription }
  },

  async UpdateRoleAlias({ roleAlias, roleArn, credentialDurationSeconds }, call) {
    await aliases.update(roleAlias, call, (content) => ({
      roleArn: roleArn ?? content.roleArn,
      credentialDurationSeconds: credentialDurationSeconds ?? content.credentialDurationSeconds,
    }))
    return { roleAlias, roleAliasArn: arnOfAlias(roleAlias, call) }
  },

  async DeleteRoleAlias({ roleAlias }, call) {
    await aliases.remove(roleAlias, call)
    return {}
  },

  async ListRoleAliases(input, call) {
    const page = await aliases.list(pageRequest(input), call)
    return { roleAliases: page.rows.map(({ name }) => name), nextMarker: nextToken(page) }
  },
}

function arnOfAlias(name: string, { registry }: Call): string {
  return arnOf(registry.scope, 'rolealias', name)
}

/** Life of the credentials when none is asked for, in seconds (AWS IoT API, CreateRoleAlias). */
const DURATION_DEFAULT = 3600
