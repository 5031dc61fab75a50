import type { Page, PageRequest } from '../pages.ts'
import { registryFault } from './faults.ts'
import { requirePageLimit } from './page.ts'
import { count, text } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/**
 * Reads one page of the names of things in some groups: group after group, so that a page costs the same wherever it
 * begins. A thing is in one group of a hierarchy only, so none comes twice.
 *
 * @param groups Rows with their `id`, in ascending order
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function memberPage(sql: Statements, groups: readonly Row[], { limit, after }: PageRequest): Page<string> {
  requirePageLimit(limit)
  const start = after === undefined ? { group: 0, thing: 0 } : parseToken(after)
  const found: { readonly name: string; readonly group: number; readonly thing: number }[] = []
  for (const row of groups) {
    const group = count(row['id'])
    if (group < start.group || found.length > limit) continue
    const members = sql.all(
      `SELECT t.id, t.name FROM thing_group_member m JOIN thing t ON t.id = m.thing
       WHERE m.thing_group = ? AND m.thing > ? ORDER BY m.thing LIMIT ?`,
      group,
      group === start.group ? start.thing : 0,
      limit + 1 - found.length,
    )
    for (const member of members) found.push({ name: text(member['name']), group, thing: count(member['id']) })
  }
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const next = found.length > limit && last !== undefined ? tokenOf(last) : undefined
  return { rows: shown.map(({ name }) => name), next }
}

function tokenOf({ group, thing }: { readonly group: number; readonly thing: number }): string {
  return Buffer.from(`group-thing:${group}:${thing}`).toString('base64')
}

function parseToken(token: string): { readonly group: number; readonly thing: number } {
  const [, group, thing] = TOKEN.exec(Buffer.from(token, 'base64').toString('latin1')) ?? []
  if (group === undefined || thing === undefined) throw registryFault('PAGE_TOKEN_INVALID')
  return { group: Number(group), thing: Number(thing) }
}

const TOKEN = /^group-thing:([1-9][0-9]{0,14}):([1-9][0-9]{0,14})$/
