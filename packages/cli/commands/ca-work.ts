import { REVOCATION_REASON_NAMES } from '@birthmark/factory/authority'
import type { IssuedCertificate } from '@birthmark/factory/order'
import { days, encodeUtf8, silentLog } from '@birthmark/foundation/kernel'
import { replaceFile } from '@birthmark/foundation/system'
import { type Certificate, formatName, fromPem, parseCertificate, toPem } from '@birthmark/foundation/x509'
import { type Output, processOutput } from '../output.ts'
import { type CaFlags, caFault, parseInput, readInput, withAuthority } from './ca-folder.ts'
import { profileNamed } from './ca-profile.ts'
import { revokeOverSocket } from './ca-socket.ts'

/** `birthmark ca show`: says what an authority is and what it has done. */
export async function showCommand(
  flags: CaFlags & { readonly revoked?: number; readonly skip?: number },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await withAuthority(flags, silentLog, async (authority) => {
    const { root, issuing, issuedCount: issued, unresolved, revokedCount } = authority
    const skip = flags.skip ?? 0
    const revoked = authority.lastRevoked({ count: flags.revoked ?? REVOKED_SHOWN_COUNT, skip })
    output.json({
      root: describe(root),
      issuing: describe(issuing),
      issued,
      unresolved: unresolved.map(({ serial }) => serial),
      revokedCount,
      revoked: revoked.map(({ serial, at, reason }) => ({ serial, at: new Date(at).toISOString(), reason })),
    })
    if (output.jsonWanted) return
    for (const [what, certificate] of Object.entries({ root, issuing })) say(output, what, certificate)
    output.say(`${issued} certificates issued, ${revokedCount} revoked.`)
    for (const { serial } of unresolved) output.say(`  ${serial}  may exist, and was given to nobody`)
    for (const { serial, at, reason } of revoked) output.say(`  ${serial}  ${new Date(at).toISOString()}  ${reason}`)
    const left = revokedCount - skip - revoked.length
    if (left > 0) output.say(`  and ${left} revoked before these: --skip ${skip + revoked.length} shows them`)
  })
}

/** `birthmark ca issue`: signs one CSR. */
export async function issueCommand(
  flags: CaFlags & {
    readonly csr: string
    readonly out: string
    readonly purpose: 'device' | 'endpoint'
    readonly profile?: string
    readonly endpointName?: readonly string[]
  },
): Promise<void> {
  const profile = flags.profile === undefined ? {} : { profile: profileNamed(flags.profile) }
  const text = readInput(flags.csr)
  const [csr = encodeUtf8(text)] = fromPem(text, 'CERTIFICATE REQUEST')
  await withAuthority(flags, silentLog, async (authority) => {
    const { purpose: kind } = flags
    saveCertificate(
      flags,
      await authority.issue(kind === 'device' ? { kind, csr, ...profile } : { kind, csr }),
      'certificate',
    )
  })
}

/** Where a certificate is revoked: in the folder, or by the process that has it open. */
type RevokeFlags = Omit<CaFlags, 'data'> & { readonly data?: string; readonly socket?: string }

/** `birthmark ca revoke`: takes a certificate back, for good. */
export async function revokeCommand(
  flags: RevokeFlags & { readonly certificate?: string; readonly serial?: string; readonly reason: string },
): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  const serial = serialOf(flags)
  const reason = REVOCATION_REASON_NAMES.find((name) => name === flags.reason) ?? 'unspecified'
  const { data, socket } = flags
  if (data !== undefined && socket === undefined) {
    await withAuthority({ ...flags, data }, silentLog, (authority) => authority.revoke(serial, reason))
  } else if (data === undefined && socket !== undefined) await revokeOverSocket(socket, serial, reason)
  else throw caFault('CA_AUTHORITY_NOT_NAMED')
  output.json({ serial, reason })
  if (!output.jsonWanted) output.say(`${serial} is revoked. Make a new list with 'birthmark ca crl' and publish it.`)
}

/** `birthmark ca crl`: makes the full revocation list of this moment. */
export async function crlCommand(flags: CaFlags & { readonly out: string; readonly days: number }): Promise<void> {
  const output = processOutput({ json: flags.json === true })
  await withAuthority(flags, silentLog, async (authority) => {
    replaceFile(flags.out, toPem('X509 CRL', await authority.revocationList(days(flags.days))), { mode: 0o644 })
    const revoked = authority.revokedCount
    output.json({ crl: flags.out, revoked })
    if (!output.jsonWanted) output.say(`${flags.out} lists ${revoked} certificates and counts for ${flags.days} days.`)
  })
}

function serialOf({ certificate, serial }: { readonly certificate?: string; readonly serial?: string }): string {
  if ((certificate === undefined) === (serial === undefined)) throw caFault('CA_CERTIFICATE_NOT_NAMED')
  if (certificate !== undefined) return parseInput(certificate, parseCertificate).serialNumber
  return (serial ?? '').toLowerCase().replaceAll(':', '')
}

/** Writes a certificate alone, as a cloud takes it. */
export function saveCertificate(
  { out, json }: { readonly out: string; readonly json?: boolean },
  issued: IssuedCertificate,
  what: string,
): void {
  const output = processOutput({ json: json === true })
  const certificate = parseCertificate(issued.certificate)
  replaceFile(out, certificate.toPem(), { mode: 0o644 })
  output.json({ certificate: out, ...describe(certificate) })
  if (!output.jsonWanted) output.say(`The ${what} ${certificate.serialNumber} is in ${out}.`)
}

function describe(certificate: Certificate): Readonly<Record<string, string>> {
  const { subject, serialNumber, fingerprint, notBefore, notAfter } = certificate
  return {
    subject: formatName(subject),
    serial: serialNumber,
    fingerprint,
    notBefore: new Date(notBefore).toISOString(),
    notAfter: new Date(notAfter).toISOString(),
  }
}

function say(output: Output, what: string, certificate: Certificate): void {
  const { subject, notAfter, fingerprint } = certificate
  output.say(`${what.padEnd(8)} ${formatName(subject)}, until ${new Date(notAfter).toISOString().slice(0, 10)}`)
  output.say(`         SHA-256 ${fingerprint}`)
}

/** Revoked certificates that are shown unless more are asked for. */
const REVOKED_SHOWN_COUNT = 20
