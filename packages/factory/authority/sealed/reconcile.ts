import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { type ChainedEntry, keyIdOf } from '@birthmark/factory/ledger'
import { isFault } from '@birthmark/foundation/kernel'
import { makeFolder, replaceFileInParts } from '@birthmark/foundation/system'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import type { Authority } from '../authority.ts'
import type { JournalRecord } from '../journal-records.ts'
import { openAccount } from './account.ts'
import type { SealedAccount, SealedBook, SealedState } from './book.ts'
import { sealedFault } from './faults.ts'

/** What reconciling works with. */
export interface ReconcilePorts {
  readonly authority: Authority
  readonly book: SealedBook
  /** Where the accounts are kept. */
  readonly folder: string
}

/**
 * Takes the account of a sealed CA: every certificate in it is checked, counted and kept. A later account must go on
 * where the one before ended. A CA that its own signature shows to have broken its grant is revoked.
 *
 * @param last Nothing may follow on this account: the station is done, and what is left of the grant is void.
 * @throws `SEALED_CA_UNKNOWN`, `SEALED_ACCOUNT_INVALID`, `SEALED_CA_OVERUSED`, `SEALED_DEVICE_TWICE` (peer),
 * and of files
 */
export async function reconcileSealed(
  path: string,
  { last }: { readonly last: boolean },
  ports: ReconcilePorts,
): Promise<SealedAccount & { readonly serial: string; readonly left: number }> {
  const opened = await openAccount(path)
  try {
    const grant = grantOf(opened.ca, ports)
    const tally = new Tally(opened.ca, grant)
    for await (const entry of opened.records()) tally.take(entry)
    const { serialNumber: serial } = opened.ca
    const why = grant.broken ?? tally.broken(opened.head)
    if (why !== undefined) return await revoke(serial, grant, why, ports)
    await assertNowhereElse(tally.devices, grant, ports)
    await keep(path, serial, ports)
    const account = { ...opened.head, ...tally.counts(), last: last || grant.account?.last === true }
    await ports.book.account(grant.key, account)
    return { ...account, serial, left: account.last ? 0 : grant.count - account.issued - account.unresolved }
  } finally {
    await opened.close()
  }
}

/** @throws `SEALED_CA_UNKNOWN` (peer) */
function grantOf(ca: Certificate, { authority, book }: ReconcilePorts): SealedState {
  const unknown = (why: string): Error => sealedFault('SEALED_CA_UNKNOWN', { why })
  if (!ca.isSignedBy(authority.issuing)) throw unknown('another CA signed it')
  const grant = book.of(keyIdOf(ca.publicKey))
  if (grant?.serial === ca.serialNumber) return grant
  throw unknown('its key has no grant, or its certificate is another one')
}

/** What the journal of a sealed CA says, held against its grant while it is read. */
class Tally {
  /** `order/ID/UID` of every certificate that exists, or may. */
  readonly devices = new Set<string>()
  readonly #ca: Certificate
  readonly #grant: SealedState
  readonly #open = new Map<string, string | undefined>()
  #issued = 0
  #voided = 0
  #hash = ''
  #why: string | undefined

  constructor(ca: Certificate, grant: SealedState) {
    this.#ca = ca
    this.#grant = grant
  }

  take({ seq, hash, time, content }: ChainedEntry<JournalRecord>): void {
    const known = this.#grant.account
    if (known !== undefined && seq === known.entries - 1) this.#hash = hash
    if (content.kind === 'journal' && content.issuing !== this.#ca.fingerprint)
      this.#find('its journal is of another CA')
    if (content.kind === 'intent') {
      const { serial, voids, idempotencyKey } = content.intent
      if (time > this.#grant.until) this.#find(`${serial} was signed after the grant had ended`)
      if (voids !== undefined && this.#open.delete(voids)) this.#voided += 1
      this.#open.set(serial, idempotencyKey)
      if (idempotencyKey !== undefined) this.devices.add(idempotencyKey)
    }
    if (content.kind === 'result') this.#judge(content.serial, content.certificate)
  }

  /** Says how the grant was broken; `undefined` when it was kept. */
  broken({ entries }: { readonly entries: number }): string | undefined {
    const { account, count } = this.#grant
    const all = this.#issued + this.#open.size
    if (all > count) this.#find(`it signed ${all} certificates, and its grant is of ${count}`)
    if (account !== undefined && this.#hash !== account.hash)
      this.#find('its journal is not the one of its last account')
    if (account?.last === true && entries > account.entries) this.#find('it went on after its last account')
    return this.#why
  }

  counts(): Pick<SealedAccount, 'issued' | 'unresolved' | 'voided'> {
    return { issued: this.#issued, unresolved: this.#open.size, voided: this.#voided }
  }

  #judge(serial: string, der: Uint8Array): void {
    this.#issued += 1
    if (!this.#open.delete(serial)) this.#find(`${serial} was signed without an intent`)
    const certificate = readCertificate(der)
    const { organization } = this.#grant
    if (certificate?.serialNumber !== serial || !certificate.isSignedBy(this.#ca)) {
      this.#find(`what stands for ${serial} is no certificate of this CA`)
    } else if (certificate.isCa) this.#find(`${serial} is a CA`)
    else if (organization !== undefined && !isUnder(certificate, organization)) {
      this.#find(`${serial} is not named under ${organization}`)
    }
  }

  #find(why: string): void {
    this.#why ??= why
  }
}

function isUnder({ subject: [first] }: Certificate, organization: string): boolean {
  return first?.type === 'O' && first.value === organization
}

function readCertificate(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der)
  } catch (error) {
    if (isFault(error)) return undefined
    throw error
  }
}

async function revoke(
  serial: string,
  { key, broken }: SealedState,
  why: string,
  ports: ReconcilePorts,
): Promise<never> {
  try {
    await ports.authority.revoke(serial, 'keyCompromise')
  } catch (error) {
    // A crash came between this and the next line, or somebody was quicker.
    if (!isFault(error, 'CERTIFICATE_REVOKED')) throw error
  }
  if (broken === undefined) await ports.book.break(key, why)
  throw sealedFault('SEALED_CA_OVERUSED', { serial, why })
}

/** No element has two identities, also where two stations worked without their authority. */
async function assertNowhereElse(
  devices: ReadonlySet<string>,
  grant: SealedState,
  ports: ReconcilePorts,
): Promise<void> {
  for (const { key, serial, account, broken } of ports.book.states) {
    if (key === grant.key || serial === undefined || account === undefined || broken !== undefined) continue
    const other = await openAccount(keptAt(serial, ports))
    try {
      for await (const { content } of other.records()) {
        const device = content.kind === 'intent' ? content.intent.idempotencyKey : undefined
        if (device !== undefined && devices.has(device)) throw sealedFault('SEALED_DEVICE_TWICE', { device, serial })
      }
    } finally {
      await other.close()
    }
  }
}

/** Keeps the account: every certificate of the sealed CA is on this disk as well. */
async function keep(path: string, serial: string, ports: ReconcilePorts): Promise<void> {
  makeFolder(ports.folder)
  await replaceFileInParts(keptAt(serial, ports), textOf(path))
}

function keptAt(serial: string, { folder }: ReconcilePorts): string {
  return join(folder, `${serial}.jsonl`)
}

async function* textOf(path: string): AsyncGenerator<string, void, undefined> {
  for await (const text of createReadStream(path, 'utf8')) yield String(text)
}
