import type { SQLInputValue } from 'node:sqlite'
import type { CatalogReads, GroupFilter, IndexedThing, IndexKey } from '../catalog-reads.ts'
import type { BillingGroupRecord, ThingGroupRecord, ThingTypeRecord } from '../catalog-records.ts'
import type { Page, PageRequest } from '../pages.ts'
import type { PolicyRecord } from '../records.ts'
import { billingGroupOf, thingGroupOf, thingTypeOf } from './catalog-rows.ts'
import { indexedPage } from './indexed-page.ts'
import { memberPage } from './member-page.ts'
import { listOf, readPage } from './page.ts'
import { policyOf, text } from './rows.ts'
import type { Statements } from './statements.ts'

type Read = <Result>(query: (sql: Statements, scopeId: number) => Result) => Promise<Result>

/** Thing types, groups, billing groups and tags, read from SQLite. */
export class SqliteCatalogReads implements CatalogReads {
  readonly #read: Read

  constructor(read: Read) {
    this.#read = read
  }

  thingType(name: string): Promise<ThingTypeRecord | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one('SELECT * FROM thing_type WHERE scope = ? AND name = ?', scope, name)
      return row && thingTypeOf(row)
    })
  }

  thingTypes(page: PageRequest): Promise<Page<ThingTypeRecord>> {
    return this.#read((sql, scope) => readPage(sql, listOf('thing_type', scope), page, thingTypeOf))
  }

  thingGroup(name: string): Promise<ThingGroupRecord | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one(`SELECT ${GROUP} FROM thing_group g WHERE g.scope = ? AND g.name = ?`, scope, name)
      return row && thingGroupOf(row)
    })
  }

  thingGroups({
    parentName,
    namePrefix,
    recursive,
    ...page
  }: PageRequest & GroupFilter): Promise<Page<ThingGroupRecord>> {
    return this.#read((sql, scope) => {
      const conditions = ['g.scope = ?']
      const values: SQLInputValue[] = [scope]
      if (parentName !== undefined) {
        conditions.push(recursive ? `g.id IN (${BELOW}) AND g.name <> ?` : `g.parent = (${GROUP_ID})`)
        values.push(scope, parentName, ...(recursive ? [parentName] : []))
      } else if (!recursive) conditions.push('g.parent IS NULL')
      if (namePrefix !== undefined) {
        conditions.push('substr(g.name, 1, length(?)) = ?')
        values.push(namePrefix, namePrefix)
      }
      const from = `thing_group g WHERE ${conditions.join(' AND ')}`
      return readPage(sql, { list: 'thing-group', columns: GROUP, from, position: 'g.id', values }, page, thingGroupOf)
    })
  }

  groupsAbove(name: string): Promise<readonly ThingGroupRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `WITH RECURSIVE above (id, parent) AS (
             SELECT id, parent FROM thing_group WHERE scope = ? AND name = ?
             UNION SELECT g.id, g.parent FROM above a JOIN thing_group g ON g.id = a.parent)
           SELECT ${GROUP} FROM thing_group g WHERE g.id IN (SELECT parent FROM above) ORDER BY g.depth`,
          scope,
          name,
        )
        .map(thingGroupOf),
    )
  }

  dynamicGroups(): Promise<readonly ThingGroupRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(`SELECT ${GROUP} FROM thing_group g WHERE g.scope = ? AND g.query IS NOT NULL ORDER BY g.id`, scope)
        .map(thingGroupOf),
    )
  }

  groupsOfThing(thingName: string): Promise<readonly ThingGroupRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `SELECT ${GROUP} FROM thing t JOIN thing_group_member m ON m.thing = t.id
           JOIN thing_group g ON g.id = m.thing_group WHERE t.name = ? AND t.scope = ? ORDER BY g.name`,
          thingName,
          scope,
        )
        .map(thingGroupOf),
    )
  }

  thingsInGroup(
    name: string,
    { recursive, ...page }: PageRequest & { readonly recursive: boolean },
  ): Promise<Page<string>> {
    return this.#read((sql, scope) => {
      const ids = recursive ? `SELECT id FROM (${BELOW})` : GROUP_ID
      return memberPage(sql, sql.all(`${ids} ORDER BY id`, scope, name), page)
    })
  }

  policiesOfGroup(name: string): Promise<readonly PolicyRecord[]> {
    return this.#read((sql, scope) =>
      sql.all(`${POLICY} AND a.thing_group = (${GROUP_ID}) ORDER BY p.name`, scope, name).map(policyOf),
    )
  }

  policiesOfThing(thingName: string): Promise<readonly PolicyRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(`${AROUND} ${POLICY} AND a.thing_group IN (SELECT id FROM around) ORDER BY p.name`, thingName, scope)
        .map(policyOf),
    )
  }

  groupNamesAround(thingName: string): Promise<readonly string[]> {
    return this.#read((sql, scope) =>
      sql
        .all(`${AROUND} SELECT g.name FROM around a JOIN thing_group g ON g.id = a.id`, thingName, scope)
        .map((row) => text(row['name'])),
    )
  }

  groupsOfPolicy(policyName: string, page: PageRequest): Promise<Page<string>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'policy-group',
        columns: 'g.name',
        from: `thing_group_policy a JOIN thing_group g ON g.id = a.thing_group
               WHERE a.policy = (SELECT id FROM policy WHERE scope = ? AND name = ?)`,
        position: 'a.thing_group',
        values: [scope, policyName],
      }
      return readPage(sql, query, page, (row) => text(row['name']))
    })
  }

  billingGroup(name: string): Promise<BillingGroupRecord | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one('SELECT * FROM billing_group WHERE scope = ? AND name = ?', scope, name)
      return row && billingGroupOf(row)
    })
  }

  billingGroups({
    namePrefix = '',
    ...page
  }: PageRequest & { readonly namePrefix?: string }): Promise<Page<BillingGroupRecord>> {
    return this.#read((sql, scope) => {
      const all = listOf('billing_group', scope)
      const from = `${all.from} AND substr(name, 1, length(?)) = ?`
      return readPage(sql, { ...all, from, values: [scope, namePrefix, namePrefix] }, page, billingGroupOf)
    })
  }

  thingsInBillingGroup(name: string, page: PageRequest): Promise<Page<string>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'billing-group-thing',
        columns: 'name',
        from: 'thing WHERE billing_group = (SELECT id FROM billing_group WHERE scope = ? AND name = ?)',
        position: 'id',
        values: [scope, name],
      }
      return readPage(sql, query, page, (row) => text(row['name']))
    })
  }

  tags(resource: string): Promise<Readonly<Record<string, string>>> {
    return this.#read((sql, scope) => {
      const rows = sql.all('SELECT key, value FROM tag WHERE scope = ? AND resource = ? ORDER BY key', scope, resource)
      return Object.fromEntries(rows.map((row) => [text(row['key']), text(row['value'])]))
    })
  }

  indexed(by: IndexKey, page: PageRequest): Promise<Page<IndexedThing>> {
    return this.#read((sql, scope) => indexedPage(sql, scope, by, page))
  }
}

const GROUP = 'g.*, (SELECT p.name FROM thing_group p WHERE p.id = g.parent) AS parent_name'
const GROUP_ID = 'SELECT id FROM thing_group WHERE scope = ? AND name = ?'

/** The ids of a group and of every group below it. */
const BELOW = `
  WITH RECURSIVE below (id) AS (
    ${GROUP_ID}
    UNION SELECT c.id FROM below b JOIN thing_group c ON c.parent = b.id)
  SELECT id FROM below`

/** The ids of the groups of a thing and of every group above them. */
const AROUND = `
  WITH RECURSIVE around (id) AS (
    SELECT m.thing_group FROM thing t JOIN thing_group_member m ON m.thing = t.id WHERE t.name = ? AND t.scope = ?
    UNION SELECT g.parent FROM around a JOIN thing_group g ON g.id = a.id WHERE g.parent IS NOT NULL)`

/** One row for a policy, however many groups have it. */
const POLICY = `
  SELECT DISTINCT p.*, v.document FROM thing_group_policy a JOIN policy p ON p.id = a.policy
  JOIN policy_version v ON v.policy = p.id AND v.version = p.default_version WHERE 1`
