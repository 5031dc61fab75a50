/** The installer's page in a real browser: from signing in to a device that is online. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { activeCertificates, awsEnvironment, prepareClaims, writeAgent } from '../testkit/agent-cloud.ts'
import { type BrowserPage, openPage } from '../testkit/browser.ts'
import { runBirthmark, startBirthmark, stopsInOrder } from '../testkit/run-birthmark.ts'
import { runProgram } from '../testkit/run-program.ts'
import { startRunningCloud } from '../testkit/running-cloud.ts'

const cloud = await startRunningCloud()
after(() => cloud.close())
await prepareClaims(cloud)
const env = { ...awsEnvironment(cloud), AWS_ENDPOINT_URL: cloud.controlHttp, AWS_REGION: cloud.region }

/** The installer's own key may make claims and nothing else. */
const words = ['--name', 'installer', '--role', 'installer', '--template', 'meters', '--json']
const made = await runBirthmark(['access', 'create', ...words], { env })
assert.equal(made.status, 0, made.stderr)
const { accessKeyId, secretAccessKey }: { accessKeyId: string; secretAccessKey: string } = JSON.parse(made.stdout)

async function signedIn(context: TestContext, before?: string, secret = secretAccessKey): Promise<BrowserPage> {
  const page = await openPage(context, `${cloud.controlHttp}/v1/claim-page`, before)
  await page.until("document.readyState === 'complete' && document.getElementById('sign-in') !== null")
  const fields = { key: accessKeyId, secret, region: cloud.region, template: 'meters' }
  await fill(page, fields)
  await page.evaluate("document.getElementById('sign-in').requestSubmit()")
  await page.until("/^(Claim|Refused)/.test(document.getElementById('said').textContent)")
  return page
}

async function fill(page: BrowserPage, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, value] of Object.entries(fields)) {
    await page.evaluate(`document.getElementById('${id}').value = ${JSON.stringify(value)}`)
  }
}

function said(page: BrowserPage): Promise<unknown> {
  return page.evaluate("document.getElementById('said').textContent")
}

test('an installer signs in, makes a claim and sends it to the device, which comes online', async (context) => {
  const config = writeAgent(cloud, 'P1', undefined, { receiver: {} })
  const agent = startBirthmark(['device', 'run', '--config', config], { env })
  context.after(() => agent.child.kill('SIGKILL'))
  const [, address = '', code = ''] = await agent.said(/POST it to (\S+) with the code (\w+)/)
  const page = await signedIn(context)
  await fill(page, { address, code: 'WRONG2' })
  const send = "document.getElementById('send').requestSubmit()"
  await page.evaluate(send)
  await page.until("/did not take it: the code/.test(document.getElementById('said').textContent)")
  await fill(page, { code })
  await page.evaluate(send)
  await page.until("document.getElementById('said').textContent === 'The device has the claim.'")
  await agent.said(/Published message 1 to dt\/meter-P1/)
  await stopsInOrder(agent)
  assert.equal((await activeCertificates(cloud.iot, 'meter-P1')).length, 1)
})

test('the claim is shown as QR codes, which another program reads and the device takes', async (context) => {
  const config = writeAgent(cloud, 'P2', undefined, { receiver: {} })
  const agent = startBirthmark(['device', 'run', '--config', config], { env })
  context.after(() => agent.child.kill('SIGKILL'))
  const [, address = '', code = ''] = await agent.said(/POST it to (\S+) with the code (\w+)/)
  const page = await signedIn(context)
  await page.evaluate("document.getElementById('show').click()")
  const picture = join(cloud.folder, 'codes.png')
  writeFileSync(picture, await page.screenshot())
  const { output, status } = await runProgram('zbarimg', [
    '--raw',
    '-q',
    '--nodbus',
    '-Sdisable',
    '-Sqrcode.enable',
    picture,
  ])
  assert.equal(status, 0, output)
  const headers = { authorization: `Bearer ${code}` }
  const answer = await fetch(address, { method: 'POST', headers, body: output })
  assert.equal(answer.status, 200, await answer.text())
  await agent.said(/Published message 1 to dt\/meter-P2/)
  await stopsInOrder(agent)
})

/** Stand-ins for what a machine without a screen has no port and no radio for; they keep what is written. */
const PORTS = `
  globalThis.written = []
  const keep = async (bytes) => void written.push(...bytes)
  const own = (name, value) => Object.defineProperty(navigator, name, { value, configurable: true })
  const writable = { getWriter: () => ({ write: keep, releaseLock() {} }) }
  own('serial', { requestPort: async () => ({ open: async () => {}, writable, close: async () => {} }) })
  const tooLong = new Error('too long for a packet')
  const writeValueWithResponse = (bytes) => (bytes.length <= 20 ? keep(bytes) : Promise.reject(tooLong))
  const getPrimaryService = async () => ({ getCharacteristic: async () => ({ writeValueWithResponse }) })
  const gatt = { connect: async () => ({ getPrimaryService, disconnect() {} }) }
  own('bluetooth', { requestDevice: async () => ({ gatt }) })
`

for (const way of ['serial', 'bluetooth']) {
  test(`the claim goes over ${way} as one line`, async (context) => {
    const page = await signedIn(context, PORTS)
    assert.equal(await page.evaluate(`document.getElementById('${way}').hidden`), false)
    await page.evaluate(`document.getElementById('${way}').click()`)
    await page.until("document.getElementById('said').textContent === 'The device has the claim.'")
    const line = String(await page.evaluate('new TextDecoder().decode(new Uint8Array(written))'))
    assert.match(line, /^[^\n]*\n$/)
    const handed: { template: string; certificatePem: string; keyPair: object } = JSON.parse(line)
    assert.equal(handed.template, 'meters')
    assert.match(handed.certificatePem, /BEGIN CERTIFICATE/)
    assert.deepEqual(Object.keys(handed.keyPair).toSorted(), ['PrivateKey', 'PublicKey'])
  })
}

test('a wrong secret is refused, and nothing is handed over', async (context) => {
  const page = await signedIn(context, '', 'wrong')
  assert.match(String(await said(page)), /^Refused: /)
  assert.equal(await page.evaluate("document.getElementById('hand').hidden"), true)
})
