import type { Change, Scope } from '@birthmark/cloud/registry'
import { newEndpointPrefix } from '../access/endpoint-prefix.ts'
import { newAccessKey } from '../access/keys.ts'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import { withSecret } from './access-operations.ts'
import type { OwnCall, OwnOperation } from './operation.ts'

/** Accounts and their regions; for callers of the default account only. */
export const ACCOUNT_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadAccounts',
    method: 'GET',
    path: '/v1/accounts',
    summary: 'Lists the accounts of this server, each with its regions and their endpoints.',
    changes: false,
    fields: {},
    answers: { accounts: 'each with account, isDefault and regions (region, endpoint, openedAt)' },
    async perform(call) {
      requireDefault(call)
      return { accounts: await accountsOf(call) }
    },
  },
  {
    name: 'CreateAccount',
    method: 'POST',
    path: '/v1/accounts',
    summary: 'Opens an account with its first region, and makes its first access key, an administrator.',
    changes: true,
    fields: {
      account: { type: 'string', description: '12 digits; made up when absent' },
      region: { type: 'string', description: "its first region; the caller's when absent" },
    },
    answers: {
      account: '12 digits',
      region: 'its name',
      endpoint: 'host name',
      accessKey: 'as CreateAccessKey shows it',
    },
    async perform(call) {
      requireDefault(call)
      const { given, whole, caller, options } = call
      const account = given.text('account') ?? newAccountNumber(options.entropy.bytes(12))
      if (!/^\d{12}$/.test(account)) throw invalidRequest('An account is 12 digits.')
      const scope = { account, region: requireRegion(given.text('region') ?? caller.scope.region) }
      if ((await whole.openScopes()).some((open) => open.scope.account === account)) throw exists(scope)
      const permission = { role: 'administrator', templates: [] } as const
      const key = newAccessKey({ name: 'first', permission }, options.clock, options.entropy)
      const endpoint = await open(call, scope, [{ do: 'create-access-key', key }])
      return { ...scope, endpoint, accessKey: withSecret(key, scope.region) }
    },
  },
  {
    name: 'OpenAccountRegion',
    method: 'POST',
    path: '/v1/accounts/{account}',
    summary: 'Opens another region of an account; its access keys work there too.',
    changes: true,
    fields: { region: { type: 'string', required: true, description: 'for example eu-central-1' } },
    answers: { account: '12 digits', region: 'its name', endpoint: 'host name' },
    async perform(call) {
      requireDefault(call)
      const scope = { account: call.label, region: requireRegion(call.given.text('region') ?? '') }
      const scopes = (await call.whole.openScopes()).map((row) => row.scope)
      if (!scopes.some(({ account }) => account === scope.account)) throw notFound('There is no such account.')
      return { ...scope, endpoint: await open(call, scope, []) }
    },
  },
]

function requireDefault({ caller, options }: OwnCall): void {
  if (caller.scope.account === options.defaultAccount) return
  throw new AwsException('AccessDeniedException', 'Only the default account of this server may manage accounts.')
}

/** An endpoint's prefix is random, so its being taken is as good as impossible: what is there is the scope. */
async function open({ registry, options, now }: OwnCall, scope: Scope, more: readonly Change[]): Promise<string> {
  const opening = { do: 'open-scope', endpointPrefix: newEndpointPrefix(options.entropy), at: now } as const
  const result = await registry.commitWith([], { scope, changes: [opening, ...more] })
  if (!result.ok) throw exists(scope)
  return options.endpointAddress(scope) ?? ''
}

async function accountsOf({ whole, options }: OwnCall): Promise<readonly object[]> {
  const regions = new Map<string, object[]>()
  for (const { scope, openedAt } of await whole.openScopes()) {
    const list = regions.get(scope.account) ?? []
    list.push({ region: scope.region, endpoint: options.endpointAddress(scope), openedAt })
    regions.set(scope.account, list)
  }
  const isDefault = (account: string): boolean => account === options.defaultAccount
  return Array.from(regions, ([account, list]) => ({ account, isDefault: isDefault(account), regions: list }))
}

function requireRegion(text: string): string {
  if (!/^[a-z0-9-]{1,32}$/.test(text)) throw invalidRequest('A region is 1 to 32 of a-z, 0-9 and -.')
  return text
}

/** 12 digits; the first is never 0, so that no tool drops it. */
function newAccountNumber(random: Uint8Array): string {
  return Array.from(random, (byte, index) => (index === 0 ? 1 + (byte % 9) : byte % 10)).join('')
}

function exists({ account, region }: Scope): AwsException {
  return new AwsException('ResourceAlreadyExistsException', `Account ${account} is open in region ${region} already.`)
}
