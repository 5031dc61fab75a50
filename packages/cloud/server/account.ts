import { join } from 'node:path'
import type { Scope } from '@birthmark/cloud/registry'
import type { Entropy } from '@birthmark/foundation/kernel'
import { readTextFile, replaceFile } from '@birthmark/foundation/system'
import { serverFault } from './faults.ts'

/**
 * Gives the account and region of a data directory, which are chosen at its first start and never change.
 *
 * @param region Used at the first start only.
 * @throws `SERVER_FILE_DAMAGED`, faults of the file system
 */
export function loadScope(folder: string, region: string, entropy: Entropy): Scope {
  const path = join(folder, 'account.json')
  const text = readTextFile(path)
  if (text !== undefined) return parseScope(text, path)
  const scope = { account: newAccountNumber(entropy), region }
  replaceFile(path, `${JSON.stringify(scope)}\n`)
  return scope
}

/** An account number as AWS writes it: 12 digits; the first is never 0, so that no tool drops it. */
function newAccountNumber(entropy: Entropy): string {
  const digits = Array.from(entropy.bytes(12), (byte, index) => (index === 0 ? 1 + (byte % 9) : byte % 10))
  return digits.join('')
}

function parseScope(text: string, path: string): Scope {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw serverFault('SERVER_FILE_DAMAGED', { path, why: 'it is not JSON' }, error)
  }
  if (typeof value !== 'object' || value === null || !('account' in value) || !('region' in value)) {
    throw serverFault('SERVER_FILE_DAMAGED', { path, why: 'account or region is missing' })
  }
  const { account, region } = value
  if (typeof account !== 'string' || !/^\d{12}$/.test(account)) {
    throw serverFault('SERVER_FILE_DAMAGED', { path, why: 'the account is not 12 digits' })
  }
  if (typeof region !== 'string' || !/^[a-z0-9-]{1,32}$/.test(region)) {
    throw serverFault('SERVER_FILE_DAMAGED', { path, why: 'the region is not a region name' })
  }
  return { account, region }
}
