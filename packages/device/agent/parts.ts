import type { Log } from '@birthmark/foundation/kernel'
import { readTextFile } from '@birthmark/foundation/system'
import { type Certificate, parseCertificates } from '@birthmark/foundation/x509'
import type { AgentConfiguration } from './configuration.ts'
import { connectOnce, type DeviceConnection, type DevicePorts } from './connection.ts'
import { agentFault } from './faults.ts'
import type { IdentityStore, StoredIdentity } from './identity-store.ts'
import { advance, type JournalEvent } from './journal.ts'
import type { JournalFile } from './journal-file.ts'

/** Moments of getting a certificate at which power may be lost; each follows an act that cannot be undone. */
export const ACQUISITION_MOMENTS = [
  'begun',
  'key-made',
  'offer-received',
  'offer-kept',
  'certificate-written',
  'provisioned',
  'provision-kept',
  'connected',
  'switched',
  'closed',
  'closing-kept',
] as const
/** One of {@link ACQUISITION_MOMENTS}. */
export type AcquisitionMoment = (typeof ACQUISITION_MOMENTS)[number]

/** Deactivates a certificate of this device over the control plane; one that is gone is closed. */
export type CloseCertificate = (certificateId: string) => Promise<void>

/** What an agent works with. */
export interface AgentParts extends DevicePorts {
  readonly configuration: AgentConfiguration
  readonly store: IdentityStore
  readonly file: JournalFile
  readonly log: Log
  /** How `rotation.close` over the control plane is done. */
  readonly closeCertificate?: CloseCertificate
  /** Called at each moment of getting a certificate; the agent waits for it. */
  readonly onMoment?: (moment: AcquisitionMoment) => Promise<void>
}

/** Makes an event part of what is remembered. */
export function record({ file }: AgentParts, event: JournalEvent): void {
  file.write(advance(file.journal, event))
}

/** Connects as an identity. @throws what `connectOnce` throws, `DEVICE_HAS_NO_TRUST_ANCHOR` */
export async function connectAs(parts: AgentParts, identity: StoredIdentity, name: string): Promise<DeviceConnection> {
  const { configuration, store } = parts
  const [trustAnchor, ...otherAnchors] = await anchorsOf(parts)
  if (trustAnchor === undefined) throw agentFault('DEVICE_HAS_NO_TRUST_ANCHOR', { slot: 'the configured place' })
  const clientId = fillIn(configuration.clientId, { name, uid: store.uid })
  return connectOnce({ ...identity, trustAnchor, otherAnchors }, configuration.endpoint, clientId, parts)
}

async function anchorsOf({ configuration, store }: AgentParts): Promise<readonly Certificate[]> {
  if (configuration.root !== undefined) {
    const text = readTextFile(configuration.root)
    if (text === undefined) throw agentFault('DEVICE_HAS_NO_TRUST_ANCHOR', { slot: configuration.root })
    return parseCertificates(text)
  }
  const anchor = await store.trustAnchor()
  return anchor === undefined ? [] : [anchor]
}

/** Puts names into a text of the configuration. */
export function fillIn(text: string, names: Readonly<Record<'name' | 'uid', string>>): string {
  return text.replaceAll('{name}', names.name).replaceAll('{uid}', names.uid)
}

/** What a device is called: as the cloud said, else the common name of its certificate, else its element's number. */
export function nameOf(thingName: string | undefined, certificate: Certificate | undefined, uid: string): string {
  return thingName ?? certificate?.subject.find(({ type }) => type === 'CN')?.value ?? uid
}
