import type { AccessKeyRecord } from '../access-records.ts'
import type { Change, CommitResult } from '../changes.ts'
import type { Page, PageRequest } from '../pages.ts'
import type {
  CaCertificateRecord,
  CertificateId,
  CertificateRecord,
  PolicyRecord,
  PolicyVersionRecord,
  Scope,
  TemplateRecord,
  TemplateVersionRecord,
  ThingPrincipal,
  ThingRecord,
} from '../records.ts'
import type { ScopedChanges, ScopedRegistry, ThingFilter } from '../registry.ts'
import { THING_COLUMNS } from './indexed-page.ts'
import { listOf, type PagedQuery, readPage } from './page.ts'
import { accessKeyOf } from './read-access.ts'
import { SqliteCatalogReads } from './read-catalog.ts'
import { SqliteProvisioningReads } from './read-provisioning.ts'
import { SqliteTransferReads } from './read-transfers.ts'
import {
  bytesOf,
  caOf,
  certificateOf,
  count,
  idOf,
  optionalText,
  policyOf,
  policyVersionOf,
  templateOf,
  templateVersionOf,
  thingOf,
  thingPrincipalOf,
} from './rows.ts'
import type { Statements } from './statements.ts'
import { thingPage } from './thing-page.ts'

/** What one scope of a store asks of the whole. */
export interface ScopeAccess {
  commit(lists: readonly ScopedChanges[]): Promise<CommitResult>
  /** Runs a query on the tables of a scope; its faults become the promise's. */
  read<Result>(scope: Scope, query: (sql: Statements, scopeId: number) => Result): Promise<Result>
}

/** One account and region of a registry in SQLite. */
export class SqliteScopedRegistry implements ScopedRegistry {
  readonly scope: Scope
  readonly provisioning: SqliteProvisioningReads
  readonly transfers: SqliteTransferReads
  readonly catalog: SqliteCatalogReads
  readonly #access: ScopeAccess

  constructor(scope: Scope, access: ScopeAccess) {
    this.scope = scope
    this.#access = access
    this.provisioning = new SqliteProvisioningReads((query) => this.#read(query))
    this.catalog = new SqliteCatalogReads((query) => this.#read(query))
    this.transfers = new SqliteTransferReads((query) => this.#read(query))
  }

  commit(changes: readonly Change[]): Promise<CommitResult> {
    return this.#access.commit([{ scope: this.scope, changes }])
  }

  commitWith(changes: readonly Change[], other: ScopedChanges): Promise<CommitResult> {
    return this.#access.commit([{ scope: this.scope, changes }, other])
  }

  certificate(id: CertificateId): Promise<CertificateRecord | undefined> {
    return this.#read((sql, scope) =>
      optional(
        sql.one('SELECT * FROM certificate WHERE fingerprint = ? AND scope = ?', bytesOf(id), scope),
        certificateOf,
      ),
    )
  }

  certificates(page: PageRequest): Promise<Page<CertificateRecord>> {
    return this.#read((sql, scope) => readPage(sql, certificateList(scope), page, certificateOf))
  }

  certificatesByCa(caId: CertificateId, page: PageRequest): Promise<Page<CertificateRecord>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'certificate-by-ca',
        columns: '*',
        from: 'certificate WHERE scope = ? AND ca = ?',
        position: 'id',
        values: [scope, bytesOf(caId)],
      }
      return readPage(sql, query, page, certificateOf)
    })
  }

  caCertificate(id: CertificateId): Promise<CaCertificateRecord | undefined> {
    return this.#read((sql, scope) =>
      optional(sql.one('SELECT * FROM ca WHERE scope = ? AND fingerprint = ?', scope, bytesOf(id)), caOf),
    )
  }

  caCertificates(page: PageRequest): Promise<Page<CaCertificateRecord>> {
    return this.#read((sql, scope) => readPage(sql, listOf('ca', scope), page, caOf))
  }

  caCertificatesBySubject(subjectHash: string): Promise<readonly CaCertificateRecord[]> {
    return this.#read((sql, scope) =>
      sql.all('SELECT * FROM ca WHERE scope = ? AND subject_hash = ? ORDER BY id', scope, subjectHash).map(caOf),
    )
  }

  policy(name: string): Promise<PolicyRecord | undefined> {
    return this.#read((sql, scope) =>
      optional(
        sql.one(`SELECT p.*, v.document FROM ${POLICY_AND_DOCUMENT} WHERE p.scope = ? AND p.name = ?`, scope, name),
        policyOf,
      ),
    )
  }

  policies(page: PageRequest): Promise<Page<PolicyRecord>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'policy',
        columns: 'p.*, v.document',
        from: `${POLICY_AND_DOCUMENT} WHERE p.scope = ?`,
        position: 'p.id',
        values: [scope],
      }
      return readPage(sql, query, page, policyOf)
    })
  }

  policyVersions(name: string): Promise<readonly PolicyVersionRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `SELECT v.*, p.name, p.default_version FROM policy p JOIN policy_version v ON v.policy = p.id
           WHERE p.scope = ? AND p.name = ? ORDER BY v.version`,
          scope,
          name,
        )
        .map(policyVersionOf),
    )
  }

  attachedPolicies(certificateId: CertificateId): Promise<readonly PolicyRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `SELECT p.*, v.document FROM certificate c JOIN policy_attachment a ON a.certificate = c.id
           JOIN policy p ON p.id = a.policy JOIN policy_version v ON v.policy = p.id AND v.version = p.default_version
           WHERE c.fingerprint = ? AND c.scope = ? ORDER BY p.name`,
          bytesOf(certificateId),
          scope,
        )
        .map(policyOf),
    )
  }

  policyTargets(policyName: string, page: PageRequest): Promise<Page<CertificateId>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'policy-target',
        columns: 'c.fingerprint',
        from: `policy_attachment a JOIN certificate c ON c.id = a.certificate
               WHERE a.policy = (SELECT id FROM policy WHERE scope = ? AND name = ?)`,
        position: 'a.certificate',
        values: [scope, policyName],
      }
      return readPage(sql, query, page, (row) => idOf(row['fingerprint']))
    })
  }

  thing(name: string): Promise<ThingRecord | undefined> {
    return this.#read((sql, scope) =>
      optional(sql.one(`SELECT ${THING_COLUMNS} FROM thing t WHERE t.name = ? AND t.scope = ?`, name, scope), thingOf),
    )
  }

  things(page: PageRequest & ThingFilter): Promise<Page<ThingRecord>> {
    return this.#read((sql, scope) => thingPage(sql, scope, page))
  }

  principalsOfThing(thingName: string): Promise<readonly ThingPrincipal[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `${THING_PRINCIPAL} WHERE a.thing = (SELECT id FROM thing WHERE name = ? AND scope = ?)
           ORDER BY a.certificate`,
          thingName,
          scope,
        )
        .map(thingPrincipalOf),
    )
  }

  thingsOfPrincipal(certificateId: CertificateId): Promise<readonly ThingPrincipal[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `${THING_PRINCIPAL} WHERE a.certificate = (SELECT id FROM certificate WHERE fingerprint = ? AND scope = ?)
           ORDER BY a.thing`,
          bytesOf(certificateId),
          scope,
        )
        .map(thingPrincipalOf),
    )
  }

  template(name: string): Promise<TemplateRecord | undefined> {
    return this.#read((sql, scope) =>
      optional(
        sql.one(`SELECT t.*, v.body FROM ${TEMPLATE_AND_BODY} WHERE t.scope = ? AND t.name = ?`, scope, name),
        templateOf,
      ),
    )
  }

  templates(page: PageRequest): Promise<Page<TemplateRecord>> {
    return this.#read((sql, scope) => {
      const query = {
        list: 'template',
        columns: 't.*, v.body',
        from: `${TEMPLATE_AND_BODY} WHERE t.scope = ?`,
        position: 't.id',
        values: [scope],
      }
      return readPage(sql, query, page, templateOf)
    })
  }

  templateVersions(name: string): Promise<readonly TemplateVersionRecord[]> {
    return this.#read((sql, scope) =>
      sql
        .all(
          `SELECT v.*, t.name, t.default_version FROM template t JOIN template_version v ON v.template = t.id
           WHERE t.scope = ? AND t.name = ? ORDER BY v.version`,
          scope,
          name,
        )
        .map(templateVersionOf),
    )
  }

  nextTemplateVersionId(name: string): Promise<number | undefined> {
    return this.#read((sql, scope) =>
      optional(
        sql.one('SELECT last_version + 1 AS next FROM template WHERE scope = ? AND name = ?', scope, name),
        (row) => count(row['next']),
      ),
    )
  }

  registrationCode(): Promise<string | undefined> {
    return this.#read((sql, scope) =>
      optional(sql.one('SELECT registration_code FROM scope WHERE id = ?', scope), (row) =>
        optionalText(row['registration_code']),
      ),
    )
  }

  accessKeys(): Promise<readonly AccessKeyRecord[]> {
    return this.#read((sql, scope) =>
      sql.all('SELECT * FROM access_key WHERE scope = ? ORDER BY id', scope).map(accessKeyOf),
    )
  }

  #read<Result>(query: (sql: Statements, scopeId: number) => Result): Promise<Result> {
    return this.#access.read(this.scope, query)
  }
}

function optional<Value, Result>(value: Value | undefined, read: (value: Value) => Result): Result | undefined {
  return value === undefined ? undefined : read(value)
}

/** Claims of trusted users are not listed (AWS IoT API, CreateProvisioningClaim). */
function certificateList(scope: number): PagedQuery {
  const { from, ...query } = listOf('certificate', scope)
  const noClaim = 'NOT EXISTS (SELECT 1 FROM provisioning_claim WHERE certificate = certificate.id)'
  return { ...query, from: `${from} AND ${noClaim}` }
}

const POLICY_AND_DOCUMENT = 'policy p JOIN policy_version v ON v.policy = p.id AND v.version = p.default_version'

const TEMPLATE_AND_BODY = 'template t JOIN template_version v ON v.template = t.id AND v.version = t.default_version'

const THING_PRINCIPAL = `
  SELECT t.name, c.fingerprint, a.exclusive FROM thing_principal a
  JOIN thing t ON t.id = a.thing JOIN certificate c ON c.id = a.certificate`
