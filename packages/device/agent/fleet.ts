import { decodeUtf8, type Millis, messageOf, seconds, type Timers } from '@birthmark/foundation/kernel'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import type { DeviceConnection } from './connection.ts'
import { agentFault } from './faults.ts'

/** A certificate that the cloud made for a request; it is not active, and gone in an hour unless it is provisioned. */
export interface CertificateOffer {
  readonly certificateId: string
  readonly certificate: Certificate
  readonly token: string
}

/**
 * Asks for a certificate for a request, on AWS IoT Core's own topics (developer guide, Device provisioning MQTT API).
 *
 * @param csr PEM.
 * @throws `PROVISIONING_REJECTED`, `PROVISIONING_SILENT`, `PROVISIONING_ANSWER_INVALID`, `SUBSCRIPTION_REFUSED`
 */
export async function askForCertificate(
  connection: DeviceConnection,
  csr: string,
  timers: Timers,
): Promise<CertificateOffer> {
  const topic = '$aws/certificates/create-from-csr/json'
  const answer = await ask(connection, topic, { certificateSigningRequest: csr }, timers)
  const { certificateId, certificatePem, certificateOwnershipToken: token } = answer
  const invalid = (why: string, cause?: unknown): Error =>
    agentFault('PROVISIONING_ANSWER_INVALID', { operation: topic, why }, cause)
  if (typeof token !== 'string' || token === '' || token.length > TOKEN_CHARACTERS_MAX) throw invalid('no token')
  if (typeof certificatePem !== 'string') throw invalid('no certificate')
  const certificate = parsed(certificatePem, (cause) => invalid(messageOf(cause), cause))
  if (certificateId !== certificate.fingerprint) throw invalid("its certificateId is not the certificate's")
  return { certificateId: certificate.fingerprint, certificate, token }
}

/** What the cloud says of a device that it has provisioned. */
export interface Provisioned {
  readonly thingName?: string
  readonly deviceConfiguration: Readonly<Record<string, string>>
}

/** What a device is provisioned by. */
export interface ProvisioningRequest {
  readonly template: string
  readonly parameters: Readonly<Record<string, string>>
}

/**
 * Has a template bind and activate the certificate that a token is for.
 *
 * @throws what {@link askForCertificate} throws
 */
export async function provisionThing(
  connection: DeviceConnection,
  { template, parameters }: ProvisioningRequest,
  token: string,
  timers: Timers,
): Promise<Provisioned> {
  const topic = `$aws/provisioning-templates/${template}/provision/json`
  const answer = await ask(connection, topic, { certificateOwnershipToken: token, parameters }, timers)
  const { thingName, deviceConfiguration } = answer
  return {
    ...(typeof thingName === 'string' && thingName !== '' ? { thingName } : {}),
    deviceConfiguration: textsOf(deviceConfiguration),
  }
}

/**
 * Publishes a request and gives the answer of its topic `…/accepted`. The interface has no correlation: one request
 * of a kind at a time.
 *
 * @throws `PROVISIONING_REJECTED`, `PROVISIONING_SILENT`, `PROVISIONING_ANSWER_INVALID`, `SUBSCRIPTION_REFUSED`
 */
export async function ask(
  connection: DeviceConnection,
  topic: string,
  request: object,
  timers: Timers,
): Promise<Readonly<Partial<Record<string, unknown>>>> {
  const { promise, resolve } = Promise.withResolvers<{ readonly accepted: boolean; readonly payload: Uint8Array }>()
  const forget = connection.onMessage((from, payload) => {
    if (from === `${topic}/accepted`) resolve({ accepted: true, payload })
    if (from === `${topic}/rejected`) resolve({ accepted: false, payload })
  })
  const silent = (why: string): Error => agentFault('PROVISIONING_SILENT', { operation: topic, why })
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = timers.after(ANSWER_TIME, () => reject(silent(`nothing came in ${ANSWER_TIME / 1000} seconds`)))
  const lost = connection.closed.then(() => {
    throw silent('the connection ended')
  })
  lost.catch(() => undefined)
  try {
    const exchange = async (): ReturnType<typeof answerOf> => {
      await connection.subscribe(`${topic}/accepted`)
      await connection.subscribe(`${topic}/rejected`)
      await connection.publish(topic, JSON.stringify(request))
      return answerOf(topic, await promise)
    }
    return await Promise.race([exchange(), late, lost])
  } finally {
    cancel()
    forget()
  }
}

async function answerOf(
  operation: string,
  { accepted, payload }: { readonly accepted: boolean; readonly payload: Uint8Array },
): Promise<Readonly<Partial<Record<string, unknown>>>> {
  const fields = fieldsOf(operation, payload)
  if (accepted) return fields
  const text = (name: string, otherwise: string): string => {
    const value = fields[name]
    return typeof value === 'string' ? value.slice(0, REASON_CHARACTERS_MAX) : otherwise
  }
  const status = fields['statusCode']
  throw agentFault('PROVISIONING_REJECTED', {
    operation,
    statusCode: typeof status === 'number' ? status : 0,
    errorCode: text('errorCode', 'no code'),
    why: text('errorMessage', 'no reason was given').replace(/\.$/, ''),
  })
}

function fieldsOf(operation: string, payload: Uint8Array): Readonly<Partial<Record<string, unknown>>> {
  const invalid = (why: string): Error => agentFault('PROVISIONING_ANSWER_INVALID', { operation, why })
  if (payload.length > ANSWER_BYTES_MAX) throw invalid(`it has more than ${ANSWER_BYTES_MAX} bytes`)
  const value = jsonOf(payload)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is no JSON object')
  return { ...value }
}

function jsonOf(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(payload) ?? '')
  } catch {
    return undefined
  }
}

function parsed(pem: string, invalid: (cause: unknown) => Error): Certificate {
  try {
    return parseCertificate(pem)
  } catch (cause) {
    throw invalid(cause)
  }
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** How long an answer may take: the cloud may ask a hook (5 s) and a certificate provider (5 s) before. */
const ANSWER_TIME: Millis = seconds(30)
/** Largest answer that is read: a certificate of 64 KB with its JSON. */
const ANSWER_BYTES_MAX = 131_072
/** Longest token that is kept; AWS's have about 500 characters. */
const TOKEN_CHARACTERS_MAX = 4096
/** How much of a reason is kept for the log. */
const REASON_CHARACTERS_MAX = 500
