/** The guide to tokens, command by command. Needs Debian's opensc, p11-kit-modules and libengine-pkcs11-openssl. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CreateCertificateFromCsrCommand } from '@aws-sdk/client-iot'
import { fromPem } from '@birthmark/foundation/x509'
import { runGuide } from '../testkit/guide.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

const MODULE = '/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so'

test('every command of the guide to tokens does its work', async (context) => {
  const cloud = await startRunningCloud()
  context.after(() => cloud.close())
  const folder = await scratchFolder(context)
  const file = (name: string): string => join(folder, name)
  writeFileSync(file('message'), 'to be signed')
  writeFileSync(file('note'), 'kept in the chip')
  copyFileSync(cloud.rootPath, file('root.pem'))
  writeFileSync(file('issuing.der'), derOf(cloud.rootPath))
  const certify = async (): Promise<void> => {
    const key = 'pkcs11:object=0xE0F1;type=private'
    const words = ['req', '-new', '-engine', 'pkcs11', '-keyform', 'engine', '-key', key, '-subj', '/CN=meter']
    const env = { ...process.env, P11_KIT_SERVER_ADDRESS: `unix:path=${file('meter.p11')}`, PKCS11_MODULE_PATH: MODULE }
    const certificateSigningRequest = execFileSync('openssl', words, { env, encoding: 'utf8', stdio: 'pipe' })
    const made = await cloud.iot.send(
      new CreateCertificateFromCsrCommand({ certificateSigningRequest, setAsActive: true }),
    )
    writeFileSync(file('chain.pem'), made.certificatePem ?? '')
    writeFileSync(file('device.der'), derOf(file('chain.pem')))
  }
  const said = await runGuide('token', {
    folder,
    env: {},
    fill: [
      ['/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so', MODULE],
      ['localhost:8883', `localhost:${cloud.mqtt.port}`],
    ],
    before: [{ command: /device\.der/, prepare: certify }],
    skipped: {
      'pkcs11-tool --module $MODULE --derive': 'needs p11-kit 0.25 on the program’s side: Debian 12 has 0.24',
    },
  })
  assert.match(said, /kept in the chip/)
  assert.match(said, /Verify return code: 0 \(ok\)/)
})

function derOf(path: string): Uint8Array {
  const [first] = fromPem(readFileSync(path, 'utf8'), 'CERTIFICATE')
  assert.ok(first !== undefined)
  return first
}
