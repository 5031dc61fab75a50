import type { CertificateProvider, FleetIssuer } from '@birthmark/cloud/provisioning'
import type { Registry, Scope } from '@birthmark/cloud/registry'
import { type Millis, messageOf, seconds } from '@birthmark/foundation/kernel'
import {
  type Certificate,
  formatName,
  parseCertificate,
  toPem,
  type VerifiedCsr,
  verifyCsrAside,
} from '@birthmark/foundation/x509'
import { serverFault } from './faults.ts'

/** What an account's own certificate provider is asked with, and the authority that signs where there is none. */
export interface FleetIssuerParts {
  readonly registry: Registry
  readonly provider: CertificateProvider
  readonly invoke: (scope: Scope, arn: string, event: object, limit: Millis) => Promise<Invoked>
}

type Invoked =
  | { readonly outcome: 'answered'; readonly answer: unknown }
  | { readonly outcome: 'slow' }
  | { readonly outcome: 'failed'; readonly why: string }

/**
 * Makes the issuer of fleet provisioning. An account with a certificate provider has its function sign what devices
 * request by CSR (AWS IoT Core developer guide, self-managed certificate signing); the authority signs everything else.
 *
 * The issuer throws what {@link CertificateProvider.issue} throws; with a function `CSR_SIGNATURE_INVALID` before it
 * is asked, and `CERTIFICATE_PROVIDER_REFUSED` when it fails or gives something else than was requested.
 */
export function fleetIssuer({ registry, provider, invoke }: FleetIssuerParts): FleetIssuer {
  return async (csr, { scope, client, origin }) => {
    const arn = origin === 'csr' ? await signingFunction(registry, scope) : undefined
    if (arn === undefined) return provider.issue(csr, 'device')
    const request = await verifyCsrAside(csr)
    const event = {
      certificateSigningRequest: toPem('CERTIFICATE REQUEST', csr),
      principalId: client.certificateId,
      clientId: client.clientId,
    }
    const invoked = await invoke(scope, arn, event, SIGNING_TIME)
    if (invoked.outcome === 'slow') throw refused(`${arn} has not answered within ${SIGNING_TIME / 1000} s`)
    if (invoked.outcome === 'failed') throw refused(invoked.why)
    return { certificate: readAnswer(invoked.answer, request, arn), intermediates: [], root: await provider.root() }
  }
}

/** Gives the ARN of the function that signs for an account. */
async function signingFunction(registry: Registry, scope: Scope): Promise<string | undefined> {
  const [document] = await registry.in(scope).provisioning.documents('certificate-provider')
  const content = document && memberOf(JSON.parse(document.body), 'content')
  const operations = memberOf(content, 'accountDefaultForOperations')
  const arn = memberOf(content, 'lambdaFunctionArn')
  return Array.isArray(operations) && operations.includes(OPERATION) && typeof arn === 'string' ? arn : undefined
}

/** The certificate must carry the key and the subject of the request. */
function readAnswer(answer: unknown, request: VerifiedCsr, arn: string): Uint8Array {
  const pem = memberOf(answer, 'certificatePem')
  if (typeof pem !== 'string') throw refused(`${arn} gave no certificatePem`)
  const certificate = readCertificate(pem)
  if (Buffer.compare(certificate.publicKey, request.publicKey) !== 0) throw refused(`${arn} signed another key`)
  if (formatName(certificate.subject) !== formatName(request.subject)) throw refused(`${arn} changed the subject`)
  return certificate.der
}

function readCertificate(pem: string): Certificate {
  try {
    return parseCertificate(pem)
  } catch (error) {
    throw refused(messageOf(error))
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? new Map(Object.entries(value)).get(name) : undefined
}

function refused(why: string): Error {
  return serverFault('CERTIFICATE_PROVIDER_REFUSED', { why })
}

const OPERATION = 'CreateCertificateFromCsr'
/** Longest that a certificate provider may take (AWS IoT Core developer guide, self-managed signing: 5 s). */
const SIGNING_TIME: Millis = seconds(5)
