import { callOwnApi } from '../../cloud-client.ts'
import { demoFault } from '../faults.ts'
import { ask, comeOnlineAs, connectFile, type FileIdentity, newKey, requestFor, textOf } from './file-device.ts'
import { makeClaim, makeTemplate, TEMPLATE } from './fleet-parts.ts'
import type { OnlineDevice, RefusedDevice, Way, WayContext } from './way.ts'

/** Fleet provisioning by claim, with an allow-list. */
export const claim: Way = {
  summary: 'fleet provisioning by a claim that many devices share, for the serial numbers of an allow-list',
  async run(context) {
    const { say } = context
    say('The maker makes a template, a claim certificate that may do nothing else, and a list of serial numbers.')
    await makeTemplate(context)
    const shared = await makeClaim(context)
    await allow(context, ['A1', 'A2'])
    say('A device makes its key, asks for a certificate with a CSR, is provisioned, and comes back as itself.')
    const own = await newKey('meter')
    const first = await exchange(context, shared, 'A1', { csrPem: own.csrPem, key: own.key })
    say('Another one has no random numbers of its own: the cloud makes its key, and forgets it.')
    const second = await exchange(context, shared, 'A2', undefined)
    say('A serial number that nobody made is refused.')
    const refused = await refusal(context, shared, 'INVENTED')
    return { online: [first.online, second.online], refused: [refused] }
  },
}

/** A device that is reset in the field and keeps its key. */
export const factoryReset: Way = {
  summary: 'a device is reset, keeps its key, and asks again: it stays the same device (server --same-key replace)',
  server: { 'same-key': 'replace', 'existing-things': 'refuse' },
  async run(context) {
    const { say } = context
    say('A device comes online by claim; its serial number is good for one device.')
    await makeTemplate(context)
    const shared = await makeClaim(context)
    await allow(context, ['A1'])
    const own = await newKey('meter')
    const first = await exchange(context, shared, 'A1', { csrPem: own.csrPem, key: own.key })
    say('It is reset: everything but the key in its element is gone. It asks again with that key.')
    const again = await exchange(context, shared, 'A1', {
      ...(await requestFor('meter', own.publicKey, own.key)),
      key: own.key,
    })
    say('The certificate that it had is closed. A thief with the same serial number and another key is refused.')
    const old = await connectFile(context, first.identity, 'meter-A1', { triesMax: 1 }).catch(() => undefined)
    if (old !== undefined) throw demoFault('DEMO_WAY_WRONG', { what: 'the old certificate is still let in' })
    const refused = await refusal(context, shared, 'A1')
    return { online: [first.online, again.online], refused: [refused] }
  },
}

async function allow({ cloud }: WayContext, values: readonly string[]): Promise<void> {
  const list = { name: 'batch', templateName: TEMPLATE, parameter: 'SerialNumber' }
  await callOwnApi(cloud.access, 'POST', '/v1/allow-lists', list)
  await callOwnApi(cloud.access, 'POST', '/v1/allow-lists/batch', { values })
}

/** Exchanges a claim for an identity and comes online with it. */
export async function exchange(
  context: WayContext,
  shared: FileIdentity,
  serial: string,
  own: { readonly csrPem: string; readonly key: string } | undefined,
): Promise<{ readonly identity: FileIdentity; readonly online: OnlineDevice }> {
  const { client } = await connectFile(context, shared, `claim-${serial}`)
  try {
    const made =
      own === undefined
        ? await ask(client, '$aws/certificates/create/json', {})
        : await ask(client, '$aws/certificates/create-from-csr/json', { certificateSigningRequest: own.csrPem })
    const identity = { certificate: textOf(made, 'certificatePem'), key: own?.key ?? textOf(made, 'privateKey') }
    const provisioned = await ask(client, PROVISION, {
      certificateOwnershipToken: textOf(made, 'certificateOwnershipToken'),
      parameters: { SerialNumber: serial },
    })
    await client.endAsync()
    return { identity, online: await comeOnlineAs(context, identity, textOf(provisioned, 'thingName')) }
  } finally {
    client.end(true)
  }
}

async function refusal(context: WayContext, shared: FileIdentity, serial: string): Promise<RefusedDevice> {
  const { client } = await connectFile(context, shared, `claim-${serial}`)
  try {
    const { csrPem } = await newKey('meter')
    const made = await ask(client, '$aws/certificates/create-from-csr/json', { certificateSigningRequest: csrPem })
    const certificateOwnershipToken = textOf(made, 'certificateOwnershipToken')
    const answer = await ask(client, PROVISION, { certificateOwnershipToken, parameters: { SerialNumber: serial } })
    if (answer.accepted) throw demoFault('DEMO_WAY_WRONG', { what: `serial number ${serial} was let in` })
    const { errorCode, errorMessage } = answer.members
    return { device: serial, why: `${String(errorCode)}: ${String(errorMessage)}` }
  } finally {
    client.end(true)
  }
}

const PROVISION = `$aws/provisioning-templates/${TEMPLATE}/provision/json`
