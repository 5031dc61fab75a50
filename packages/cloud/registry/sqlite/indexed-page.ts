import type { IndexedThing, IndexKey } from '../catalog-reads.ts'
import type { Page, PageRequest } from '../pages.ts'
import { type PagedQuery, readMergedPage } from './page.ts'
import { count, text, thingOf } from './rows.ts'
import type { Row, Statements } from './statements.ts'

/**
 * Reads one page of the things that an index finds, with the static groups they are in directly. Every key has an index
 * that continues at a row id: a page costs what its rows cost, wherever it begins.
 *
 * @throws `PAGE_LIMIT_INVALID`, `PAGE_TOKEN_INVALID`
 */
export function indexedPage(sql: Statements, scope: number, by: IndexKey, page: PageRequest): Page<IndexedThing> {
  const queries = sourcesOf(sql, scope, by).map((source) => ({ columns: THING_COLUMNS, ...source }))
  return readMergedPage(sql, 'index', queries, page, (row) => ({
    thing: thingOf(row),
    groupNames: groupNamesOf(sql, row),
  }))
}

/** What is read of a thing. */
export const THING_COLUMNS =
  't.*, (SELECT b.name FROM billing_group b WHERE b.id = t.billing_group) AS billing_group_name'

/** Where the things of a type are. Its name goes in twice: the index has it folded and as it is. */
export const THINGS_OF_TYPE = 'thing t WHERE t.scope = ? AND t.type_name = ? COLLATE NOCASE AND t.type_name = ?'

type Source = Pick<PagedQuery, 'from' | 'position' | 'values'>

/** Types and groups may differ in upper and lower case only: then there is a source for each. */
function sourcesOf(sql: Statements, scope: number, by: IndexKey): readonly Source[] {
  switch (by.by) {
    case 'everything':
      return [{ from: 'thing t WHERE t.scope = ?', ...at('t.id', scope) }]
    case 'name':
      return [{ from: 'thing t WHERE t.scope = ? AND t.name = ? COLLATE NOCASE', ...at('t.id', scope, by.value) }]
    case 'type':
      return typesLike(sql, scope, by.value).map((type) => ({ from: THINGS_OF_TYPE, ...at('t.id', scope, type, type) }))
    case 'attribute':
      return [
        {
          from: `thing_attribute a JOIN thing t ON t.id = a.thing WHERE a.scope = ? AND a.name = ? AND a.value = ?`,
          ...at('a.thing', scope, by.name, by.value),
        },
      ]
    case 'group': {
      const from = 'thing_group_member m JOIN thing t ON t.id = m.thing WHERE m.thing_group = ?'
      return idsOf(sql, 'thing_group', scope, by.value).map((id) => ({ from, ...at('m.thing', id) }))
    }
    case 'billing-group': {
      const from = 'thing t WHERE t.billing_group = ?'
      return idsOf(sql, 'billing_group', scope, by.value).map((id) => ({ from, ...at('t.id', id) }))
    }
  }
}

/** Gives the types with this name, whatever its case, that things have: one step in the index for each. */
function typesLike(sql: Statements, scope: number, name: string): readonly string[] {
  const found: string[] = []
  const nextOf = (after: string): Row | undefined =>
    sql.one(
      `SELECT type_name FROM thing WHERE scope = ? AND type_name = ? COLLATE NOCASE AND type_name > ?
       ORDER BY type_name LIMIT 1`,
      scope,
      name,
      after,
    )
  for (let row = nextOf(''); row !== undefined; row = nextOf(text(row['type_name']))) found.push(text(row['type_name']))
  return found
}

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

function at(position: string, ...values: readonly (string | number)[]): Omit<Source, 'from'> {
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
