import assert from 'node:assert/strict'
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CreatePolicyCommand, CreateProvisioningTemplateCommand, type IoTClient } from '@aws-sdk/client-iot'
import { iotClient } from 'birthmark/parts'
import { connect, type MqttClient } from 'mqtt'
import { type GuideRun, runGuide } from './guide.ts'
import { type RunningServer, runBirthmark, startServerCommand, stopsInOrder } from './run-birthmark.ts'
import { type FileDevice, newDevice } from './running-cloud.ts'
import { scratchFolder } from './scratch-folder.ts'

const REPOSITORY = join(import.meta.dirname, '../..')

/** What the guides that need a cloud take for granted: a server, an access key, a device, a policy, a template. */
export class GuideWorld {
  /** Where the guide's commands run; the server's data directory is `cloud` in it. */
  readonly folder: string
  readonly env: Record<string, string>
  readonly #server: RunningServer
  /** What the server said that runs now. */
  #current: Readonly<Record<string, string>>
  #press: FileDevice | undefined
  #isStopped = false

  private constructor(folder: string, server: RunningServer) {
    this.folder = folder
    this.#server = server
    this.#current = server.ready
    this.env = { ...this.#access(), HOME: folder, AWS_PAGER: '' }
  }

  static async start(context: TestContext): Promise<GuideWorld> {
    const folder = await scratchFolder(context)
    // What the guides name of a clone.
    for (const name of ['node_modules', 'docs']) symlinkSync(join(REPOSITORY, name), join(folder, name))
    const world = new GuideWorld(folder, await startServerCommand(join(folder, 'cloud')))
    context.after(() => world.stop())
    const policyDocument = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: 'iot:*', Resource: '*' }],
    })
    await world.#with((iot) => iot.send(new CreatePolicyCommand({ policyName: 'everything', policyDocument })))
    writeFileSync(join(folder, 'policy.json'), policyDocument)
    return world
  }

  /** What the first server said. */
  get ready(): Readonly<Record<string, string>> {
    return this.#server.ready
  }

  /** Stops the server: the guide starts its own, on the same data directory. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    await stopsInOrder(this.#server)
  }

  async birthmark(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const { status, stdout, stderr } = await runBirthmark([...words, '--json'], { env: this.#access() })
    assert.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }

  /** Makes the device of the guides, which may do everything. */
  async newPress(): Promise<FileDevice> {
    this.#press = await this.newDevice('press-7')
    return this.#press
  }

  newDevice(name: string): Promise<FileDevice> {
    return this.#with((iot) => newDevice(iot, this.folder, name, 'everything'))
  }

  /** Makes the template of the guides, for claims. */
  async newTemplate(): Promise<void> {
    const command = new CreateProvisioningTemplateCommand({
      templateName: 'meters',
      provisioningRoleArn: 'arn:aws:iam::123456789012:role/provisioning',
      enabled: true,
      templateBody: guideTemplate('SerialNumber'),
    })
    await this.#with((iot) => iot.send(command))
  }

  /** Connects, and gives the client whether or not it was let in: whoever is turned away tries again. */
  async connect(clientId: string, device: FileDevice | undefined = this.#press): Promise<MqttClient> {
    assert.ok(device !== undefined)
    const client = connect({
      protocol: 'mqtts',
      host: 'localhost',
      port: Number(this.#current['mqtt']?.split(':').at(-1)),
      ca: readFileSync(join(this.folder, 'cloud/root.pem')),
      cert: readFileSync(device.certificate),
      key: readFileSync(device.key),
      reconnectPeriod: 0,
      clientId,
    })
    await new Promise<unknown>((resolve) => {
      client.on('error', resolve)
      client.once('connect', resolve).once('close', () => resolve(undefined))
    })
    return client
  }

  /** Runs a guide. @returns all that was said */
  run(
    guide: string,
    fill: GuideRun['fill'] = [],
    more: Pick<GuideRun, 'lasting' | 'before' | 'skipped'> = {},
  ): Promise<string> {
    const { AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = this.#access()
    const press = this.#press?.certificateId ?? ''
    return runGuide(guide, {
      ...more,
      folder: this.folder,
      env: this.env,
      fill: [
        ['AWS_ENDPOINT_URL=http://127.0.0.1:9080', `AWS_ENDPOINT_URL=${AWS_ENDPOINT_URL}`],
        ['AWS_REGION=us-east-1', `AWS_REGION=${AWS_REGION}`],
        ['AWS_ACCESS_KEY_ID=...', `AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID}`],
        ['AWS_SECRET_ACCESS_KEY=...', `AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}`],
        ['5f3c...', press],
        ['-certificate-id CERTIFICATE', `-certificate-id ${press}`],
        ...fill,
      ],
      whenReady: (ready) => (this.#current = ready),
    })
  }

  /** The key is told at the first start only. */
  #access(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.#current['controlHttp'] ?? '',
      AWS_REGION: this.ready['region'] ?? '',
      AWS_ACCESS_KEY_ID: this.ready['accessKeyId'] ?? '',
      AWS_SECRET_ACCESS_KEY: this.ready['secretAccessKey'] ?? '',
    }
  }

  async #with<Result>(use: (iot: IoTClient) => Promise<Result>): Promise<Result> {
    const { region = '', accessKeyId = '', secretAccessKey = '' } = this.ready
    const iot = iotClient({ endpoint: this.#current['controlHttp'] ?? '', region, accessKeyId, secretAccessKey })
    try {
      return await use(iot)
    } finally {
      iot.destroy()
    }
  }
}

/** A template that makes a thing named after a parameter. */
export function guideTemplate(parameter: string): string {
  return JSON.stringify({
    Parameters: { [parameter]: { Type: 'String' } },
    Resources: {
      thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: parameter } } },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'Active' },
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: 'everything' } },
    },
  })
}
