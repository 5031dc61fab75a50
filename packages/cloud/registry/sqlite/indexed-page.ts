import type { IndexedThing, IndexKey } from '../catalog-reads.ts'
import type { Page, PageRequest } from '../pages.ts'
import { type PagedQuery, readPage } from './page.ts'
import { count, text, thingOf } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/**
 * Reads one page of the things that an index finds, with the static groups they are in directly. Every key has an index
 * that continues at a row id: a page costs what its rows cost, wherever it begins.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function indexedPage(sql: Statements, scope: number, by: IndexKey, page: PageRequest): Page<IndexedThing> {
  const query = { list: 'index', columns: THING_COLUMNS, ...sourceOf(sql, scope, by) }
  return readPage(sql, query, page, (row) => ({
    thing: thingOf(row),
    groupNames: groupNamesOf(sql, row),
  }))
}

/** What is read of a thing. */
export const THING_COLUMNS =
  't.*, (SELECT b.name FROM billing_group b WHERE b.id = t.billing_group) AS billing_group_name'

function sourceOf(sql: Statements, scope: number, by: IndexKey): Pick<PagedQuery, 'from' | 'position' | 'values'> {
  switch (by.by) {
    case 'everything':
      return { from: 'thing t WHERE t.scope = ?', position: 't.id', values: [scope] }
    case 'name':
      return { from: 'thing t WHERE t.scope = ? AND t.name = ? COLLATE NOCASE', ...at('t.id', scope, by.value) }
    case 'type':
      return { from: 'thing t WHERE t.scope = ? AND t.type_name = ? COLLATE NOCASE', ...at('t.id', scope, by.value) }
    case 'attribute':
      return {
        from: `thing_attribute a JOIN thing t ON t.id = a.thing WHERE a.scope = ? AND a.name = ? AND a.value = ?`,
        ...at('a.thing', scope, by.name, by.value),
      }
    case 'group':
      return membersOf(idsOf(sql, 'thing_group', scope, by.value))
    case 'billing-group':
      return billedTo(idsOf(sql, 'billing_group', scope, by.value))
  }
}

type Source = Pick<PagedQuery, 'from' | 'position' | 'values'>

/** The rows of groups with this name; two groups may differ in upper and lower case only. */
function idsOf(
  sql: Statements,
  table: 'thing_group' | 'billing_group',
  scope: number,
  name: string,
): readonly number[] {
  return sql
    .all(`SELECT id FROM ${table} WHERE scope = ? AND name = ? COLLATE NOCASE`, scope, name)
    .map((row) => count(row['id']))
}

function membersOf(ids: readonly number[]): Source {
  const [id = 0] = ids
  const members = 'thing_group_member m JOIN thing t ON t.id = m.thing'
  if (ids.length <= 1) return { from: `${members} WHERE m.thing_group = ?`, ...at('m.thing', id) }
  const any = 'SELECT thing FROM thing_group_member WHERE thing_group IN (SELECT value FROM json_each(?))'
  return { from: `thing t WHERE t.id IN (${any})`, ...at('t.id', JSON.stringify(ids)) }
}

function billedTo(ids: readonly number[]): Source {
  const [id = 0] = ids
  if (ids.length <= 1) return { from: 'thing t WHERE t.billing_group = ?', ...at('t.id', id) }
  const any = 't.billing_group IN (SELECT value FROM json_each(?))'
  return { from: `thing t WHERE ${any}`, ...at('t.id', JSON.stringify(ids)) }
}

function at(position: string, ...values: readonly (string | number)[]): Pick<PagedQuery, 'position' | 'values'> {
  return { position, values }
}

function groupNamesOf(sql: Statements, row: Row): readonly string[] {
  return sql
    .all(
      `SELECT g.name FROM thing_group_member m JOIN thing_group g ON g.id = m.thing_group
       WHERE m.thing = ? ORDER BY g.name`,
      count(row['id']),
    )
    .map((group) => text(group['name']))
}
