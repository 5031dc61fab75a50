import { after, test } from 'node:test'
import { type BrokerProfile, type ProtocolVersion, STANDARD_PROFILE } from '@birthmark/cloud/mqtt'
import { openTestCloud, type TestCloud } from './test-cloud.ts'

/** A cloud for the requirements of the standards, shared by the tests of one file. */
export interface Bench {
  readonly port: number
  readonly cloud: TestCloud
}

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** Opens a cloud with a listener without TLS; called while the file is loaded, so that it lasts for all its tests. */
export async function openBench(profile: BrokerProfile = STANDARD_PROFILE): Promise<Bench> {
  const cloud = await openTestCloud({ after }, { profile, listeners: { mqtt: LOOPBACK, plain: LOOPBACK } })
  return { cloud, port: cloud.front.addresses.plain?.port ?? 0 }
}

/**
 * A test that shows requirements of the standards to hold. `tools/mqtt-conformance.ts` reads the numbers in the first
 * argument: `MQTT-…` is one of 5.0, `MQTT3-…` one of 3.1.1. The test runs for each version that has one.
 */
export function proves(numbers: string, what: string, run: (version: ProtocolVersion) => Promise<void> | void): void {
  const of = (prefix: string): string =>
    numbers
      .split(' ')
      .filter((number) => number.startsWith(prefix))
      .join(' ')
  if (of('MQTT3-') !== '') test(`3.1.1: ${what} [${of('MQTT3-')}]`, () => run(4))
  if (of('MQTT-') !== '') test(`5.0: ${what} [${of('MQTT-')}]`, () => run(5))
}
