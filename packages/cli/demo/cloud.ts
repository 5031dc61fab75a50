import { readFileSync } from 'node:fs'
import type { Endpoint } from '@birthmark/device/agent'
import { type Certificate, parseCertificate } from '@birthmark/foundation/x509'
import type { CloudAccess } from '../cloud-client.ts'
import { type CommandOptions, type Companion, startCompanion } from '../processes.ts'
import { demoFault } from './faults.ts'

/** A cloud in a process of its own, as `birthmark server` runs it. */
export interface DemoCloud {
  readonly process: Companion
  readonly access: CloudAccess
  readonly mqtt: Endpoint
  readonly account: string
  readonly region: string
  readonly root: Certificate
  readonly rootPath: string
  readonly controlHttp: string
}

/** The ports of a cloud; 0 takes any free one. */
export interface CloudPorts {
  readonly mqtt: number
  readonly controlHttp: number
}

/**
 * Starts `birthmark server` on a data directory.
 *
 * @param secretAccessKey The secret of an earlier start on the same directory: the server shows it once.
 * @param options Further options of the command, by their long names.
 * @throws `PROCESS_DID_NOT_START`, `DEMO_CLOUD_UNREADABLE`
 */
export async function startCloud(
  folder: string,
  ports: CloudPorts = { mqtt: 0, controlHttp: 0 },
  secretAccessKey?: string,
  options: CommandOptions = {},
): Promise<DemoCloud> {
  const server = await startCompanion(['server'], {
    data: folder,
    'mqtt-port': ports.mqtt,
    'https-port': 0,
    'control-port': 0,
    'control-http-port': ports.controlHttp,
    ...options,
  })
  const text = (member: string): string => {
    const value = server.ready[member]
    if (typeof value !== 'string') throw demoFault('DEMO_CLOUD_UNREADABLE', { member })
    return value
  }
  const [host = '', port = ''] = text('mqtt').split(':')
  return {
    process: server,
    access: {
      endpoint: text('controlHttp'),
      region: text('region'),
      accessKeyId: text('accessKeyId'),
      secretAccessKey: secretAccessKey ?? text('secretAccessKey'),
    },
    mqtt: { host, port: Number(port) },
    account: text('account'),
    region: text('region'),
    rootPath: text('root'),
    root: parseCertificate(readFileSync(text('root'), 'utf8')),
    controlHttp: text('controlHttp'),
  }
}
