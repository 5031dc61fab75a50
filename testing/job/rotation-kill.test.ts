/** Power cuts in the middle of a rotation: the agent's at one moment, the cloud's at another, in all pairs. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { ACQUISITION_MOMENTS, type AcquisitionMoment } from '@birthmark/device/agent'
import { type DemoCloud, startCloud } from 'birthmark/parts'
import { activeCertificates, awsEnvironment, prepareClaims, writeAgent } from '../testkit/agent-cloud.ts'
import { steadyPort } from '../testkit/running.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

/** Kills make a device come more often than once a second. */
const OFTEN = { limit: ['connects-per-client-per-second=unlimited'] }

const ports = { mqtt: await steadyPort(), controlHttp: await steadyPort() }
const cloud = await startRunningCloud(ports)
let server: DemoCloud = cloud
const hosts: Host[] = []
after(async () => {
  for (const host of hosts) host.kill()
  await server.process.kill()
  await cloud.close()
})
const claim = await prepareClaims(cloud)

/** Kills the cloud as a power cut would, and starts it on what it had written. */
async function cutCloud(): Promise<void> {
  await server.process.kill()
  server = await startCloud(join(cloud.folder, 'cloud'), ports, cloud.access.secretAccessKey, OFTEN)
}

/** A process with agents of many devices. */
class Host {
  readonly #child: ChildProcess
  readonly #told = new Map<string, (at: string) => void>()

  constructor() {
    const script = join(import.meta.dirname, '../testkit/rotate-until-killed.ts')
    this.#child = spawn(process.execPath, [script], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...awsEnvironment(cloud) },
    })
    hosts.push(this)
    const { stdout } = this.#child
    assert.ok(stdout !== null)
    createInterface(stdout).on('line', (line) => {
      const { id, at }: { id: string; at: string } = JSON.parse(line)
      this.#told.get(id)?.(at)
    })
  }

  /** Gives an order and resolves with the moment at which the device waits, or `done`. */
  order(id: string, what: Readonly<Record<string, unknown>>): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#told.set(id, (at) => (at.startsWith('failed') ? reject(new Error(`${id} ${at}`)) : resolve(at)))
      this.#child.stdin?.write(`${JSON.stringify({ id, ...what })}\n`)
    })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

interface Device {
  readonly id: string
  readonly config: string
  /** Position of the moment at which its agent is killed. */
  readonly agentCut: number
  readonly cloudCut: number
}

const momentAt = (index: number): AcquisitionMoment | undefined => ACQUISITION_MOMENTS[index]
const positions = ACQUISITION_MOMENTS.map((_, index) => index)
const devices: readonly Device[] = positions.flatMap((agentCut) =>
  positions.map((cloudCut) => {
    const id = `d${agentCut}x${cloudCut}`
    return { id, config: writeAgent(cloud, id, claim), agentCut, cloudCut }
  }),
)
const those = (fits: (device: Device) => boolean): readonly Device[] => devices.filter(fits)

/** Has agents rotate until a moment, where they wait. */
async function rotateUntil(host: Host, some: readonly Device[], moment: (device: Device) => number): Promise<void> {
  await Promise.all(some.map((one) => parks(host, one, { run: 'rotate', config: one.config }, moment(one))))
}

async function parks(host: Host, { id }: Device, what: object, moment: number): Promise<void> {
  assert.equal(await host.order(id, { ...what, until: momentAt(moment) }), momentAt(moment), id)
}

/** Has agents live until they are online with nothing left to do. */
async function finish(host: Host, some: readonly Device[]): Promise<void> {
  await Promise.all(
    some.map(async ({ id, config }) => assert.equal(await host.order(id, { run: 'live', config }), 'done')),
  )
}

test('agent and cloud killed at every pair of moments: one active certificate each, nobody locked out', async () => {
  const birth = new Host()
  await finish(birth, devices)
  birth.kill()

  // Agents that die before the cloud does, or at the same moment.
  const early = new Host()
  await rotateUntil(
    early,
    those(({ agentCut, cloudCut }) => agentCut <= cloudCut),
    ({ agentCut }) => agentCut,
  )
  early.kill()

  // The cloud dies at each moment: of agents that are in their first run, and of those that go on in their second.
  const late = new Host()
  const second = new Host()
  for (const moment of positions) {
    const inFirst = those(({ agentCut, cloudCut }) => cloudCut === moment && agentCut > moment)
    const inSecond = those(({ agentCut, cloudCut }) => cloudCut === moment && agentCut <= moment)
    await rotateUntil(late, inFirst, () => moment)
    const until = momentAt(moment)
    const at = await Promise.all(inSecond.map(({ id, config }) => second.order(id, { run: 'live', config, until })))
    await cutCloud()
    // What an agent had behind it when it died does not come again: it is done then.
    const left = inSecond.filter((_, index) => at[index] !== 'done')
    await Promise.all(inFirst.map((one) => parks(late, one, {}, one.agentCut)))
    await Promise.all(left.map(async ({ id }) => assert.equal(await second.order(id, {}), 'done')))
  }
  late.kill()
  await finish(
    second,
    those(({ agentCut, cloudCut }) => agentCut > cloudCut),
  )
  second.kill()

  const active = await Promise.all(devices.map(({ id }) => activeCertificates(cloud.iot, `meter-${id}`)))
  const wrong = devices.flatMap(({ id }, index) => {
    const count = active[index]?.length
    return count === 1 ? [] : [`${id}: ${count}`]
  })
  assert.deepEqual(wrong, [])
})
