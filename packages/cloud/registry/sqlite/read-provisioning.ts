import { type Instant, instant } from '@birthmark/foundation/kernel'
import type { ProvisioningReads } from '../provisioning-reads.ts'
import type {
  AllowedValue,
  AllowList,
  CertificateOffer,
  DocumentKind,
  OfferedCertificate,
  ProvisioningClaim,
  StoredDocument,
} from '../provisioning-records.ts'
import type { CertificateId } from '../records.ts'
import { bytesOf, certificateOf, count, idOf, optionalText, text } from './rows.ts'
import type { Row, Statements } from './statements.ts'

type Read = <Result>(query: (sql: Statements, scopeId: number) => Result) => Promise<Result>

/** What provisioning keeps, read from SQLite. */
export class SqliteProvisioningReads implements ProvisioningReads {
  readonly #read: Read

  constructor(read: Read) {
    this.#read = read
  }

  offer(tokenHash: string): Promise<OfferedCertificate | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one(OFFERED, Buffer.from(tokenHash, 'hex'), scope)
      return row && { offer: offerOf(row), certificate: certificateOf(row) }
    })
  }

  expiredOffers(now: Instant, limit: number): Promise<readonly CertificateOffer[]> {
    const query = `${OFFER} WHERE o.scope = ? AND o.expires_at <= ? ORDER BY o.expires_at LIMIT ?`
    return this.#read((sql, scope) => sql.all(query, scope, now, limit).map(offerOf))
  }

  claim(certificateId: CertificateId): Promise<ProvisioningClaim | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one(`${CLAIM} WHERE c.fingerprint = ? AND c.scope = ?`, bytesOf(certificateId), scope)
      return row && claimOf(row)
    })
  }

  expiredClaims(now: Instant, limit: number): Promise<readonly ProvisioningClaim[]> {
    const query = `${CLAIM} WHERE p.scope = ? AND p.expires_at <= ? ORDER BY p.expires_at LIMIT ?`
    return this.#read((sql, scope) => sql.all(query, scope, now, limit).map(claimOf))
  }

  allowLists(): Promise<readonly AllowList[]> {
    return this.#read((sql, scope) =>
      sql.all('SELECT * FROM allow_list WHERE scope = ? ORDER BY name', scope).map(allowListOf),
    )
  }

  allowListsOf(templateName: string): Promise<readonly AllowList[]> {
    return this.#read((sql, scope) =>
      sql
        .all('SELECT * FROM allow_list WHERE scope = ? AND template_name = ? ORDER BY name', scope, templateName)
        .map(allowListOf),
    )
  }

  allowedValue(list: string, value: string): Promise<AllowedValue | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one(
        `SELECT v.value, v.used_by FROM allow_list l JOIN allowed_value v ON v.list = l.id
         WHERE l.scope = ? AND l.name = ? AND v.value = ?`,
        scope,
        list,
        value,
      )
      return row && { value: text(row['value']), usedBy: row['used_by'] === null ? undefined : idOf(row['used_by']) }
    })
  }

  countAllowed(list: string): Promise<{ readonly values: number; readonly used: number }> {
    return this.#read((sql, scope) => {
      const row = sql.one(
        `SELECT count(*) AS n, count(v.used_by) AS used FROM allow_list l JOIN allowed_value v ON v.list = l.id
         WHERE l.scope = ? AND l.name = ?`,
        scope,
        list,
      )
      return { values: count(row?.['n']), used: count(row?.['used']) }
    })
  }

  document(kind: DocumentKind, name: string): Promise<StoredDocument | undefined> {
    return this.#read((sql, scope) => {
      const row = sql.one('SELECT * FROM stored_document WHERE scope = ? AND kind = ? AND name = ?', scope, kind, name)
      return row && documentOf(kind, row)
    })
  }

  documents(kind: DocumentKind): Promise<readonly StoredDocument[]> {
    return this.#read((sql, scope) =>
      sql
        .all('SELECT * FROM stored_document WHERE scope = ? AND kind = ? ORDER BY name', scope, kind)
        .map((row) => documentOf(kind, row)),
    )
  }
}

function offerOf(row: Row): CertificateOffer {
  const hash = row['token_hash']
  return {
    certificateId: idOf(row['fingerprint']),
    tokenHash: hash instanceof Uint8Array ? Buffer.from(hash).toString('hex') : '',
    principal: text(row['principal']),
    expiresAt: instant(count(row['expires_at'])),
    usedFor: optionalText(row['used_for']),
  }
}

function claimOf(row: Row): ProvisioningClaim {
  return {
    certificateId: idOf(row['fingerprint']),
    templateName: text(row['template_name']),
    policyDocument: text(row['policy_document']),
    expiresAt: instant(count(row['expires_at'])),
  }
}

function allowListOf(row: Row): AllowList {
  return {
    name: text(row['name']),
    templateName: text(row['template_name']),
    parameter: text(row['parameter']),
    once: row['once'] === 1,
    createdAt: instant(count(row['created_at'])),
  }
}

function documentOf(kind: DocumentKind, row: Row): StoredDocument {
  const uniqueKey = optionalText(row['unique_key'])
  return {
    kind,
    name: text(row['name']),
    body: text(row['body']),
    createdAt: instant(count(row['created_at'])),
    ...(uniqueKey !== undefined && { uniqueKey }),
  }
}

const OFFERED = `
  SELECT c.*, o.token_hash, o.principal, o.expires_at, o.used_for
  FROM certificate_offer o JOIN certificate c ON c.id = o.certificate WHERE o.token_hash = ? AND o.scope = ?`
const OFFER = 'SELECT o.*, c.fingerprint FROM certificate_offer o JOIN certificate c ON c.id = o.certificate'
const CLAIM = 'SELECT p.*, c.fingerprint FROM provisioning_claim p JOIN certificate c ON c.id = p.certificate'
