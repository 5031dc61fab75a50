/**
 * Runs in the installer's browser: signs CreateProvisioningClaim with the installer's own access key, which never leaves
 * it, and hands the claim to the device at hand.
 */
import qrcode from './qrcode.mjs'

const element = (id) => document.getElementById(id)
const bytes = (text) => new TextEncoder().encode(text)
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')
const sha256 = async (text) => hex(await crypto.subtle.digest('SHA-256', bytes(text)))

async function hmac(key, text) {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, bytes(text)))
}

/** Asks the control plane, signed with Signature Version 4. */
async function ask(path) {
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = [stamp.slice(0, 8), element('region').value, 'iot', 'aws4_request']
  const headers = `host:${location.host}\nx-amz-date:${stamp}\n`
  const canonical = ['POST', path, '', headers, 'host;x-amz-date', await sha256('')].join('\n')
  const text = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), await sha256(canonical)].join('\n')
  let key = bytes(`AWS4${element('secret').value}`)
  for (const part of scope) key = await hmac(key, part)
  const signature = hex(await hmac(key, text))
  const credential = `${element('key').value}/${scope.join('/')}`
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`
  const answer = await fetch(path, { method: 'POST', headers: { 'x-amz-date': stamp, authorization } })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.message || `status ${answer.status}`)
  return body
}

let claim

const say = (text) => {
  element('said').textContent = text
}

/** Runs a step and says how it went. */
function step(begin, failed, work) {
  say(begin)
  work().then(say, (error) => say(`${failed}: ${error.message}`))
}

/** What the device gets: the answer of the operation, and where it belongs. */
const handed = () => JSON.stringify({ template: element('template').value, host: location.hostname, ...claim })

element('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  element('hand').hidden = true
  element('codes').replaceChildren()
  step('Asking…', 'Refused', async () => {
    claim = await ask(`/provisioning-templates/${element('template').value}/provisioning-claim`)
    element('hand').hidden = false
    const until = new Date(claim.expiration * 1000).toLocaleTimeString()
    return `Claim ${claim.certificateId.slice(0, 12)}… is good until ${until}.`
  })
})

element('send').addEventListener('submit', (event) => {
  event.preventDefault()
  step('Sending…', 'The device did not take it', async () => {
    const headers = { authorization: `Bearer ${element('code').value}` }
    const answer = await fetch(element('address').value, { method: 'POST', headers, body: handed() })
    const body = await answer.json()
    if (!answer.ok) throw new Error(body.message || `status ${answer.status}`)
    return 'The device has the claim.'
  })
})

element('download').addEventListener('click', () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([handed()], { type: 'application/json' }))
  link.download = 'claim.json'
  link.click()
  URL.revokeObjectURL(link.href)
})

/** One code would be too dense for a cheap camera: the claim is cut, and each part says which one it is. */
const PART_CHARACTERS = 600

element('show').addEventListener('click', () => {
  const der = (pem) => pem.replace(/-----[^-]+-----|\s/g, '')
  const { certificatePem, keyPair } = claim
  const text = JSON.stringify({ certificate: der(certificatePem), privateKey: der(keyPair.PrivateKey) })
  const count = Math.ceil(text.length / PART_CHARACTERS)
  const figures = Array.from({ length: count }, (_, index) => {
    const code = qrcode(0, 'L')
    const part = text.slice(index * PART_CHARACTERS, (index + 1) * PART_CHARACTERS)
    code.addData(`birthmark-claim/1 ${index + 1}/${count} ${part}`, 'Byte')
    code.make()
    const figure = document.createElement('figure')
    figure.innerHTML = code.createSvgTag({ cellSize: 4, margin: 16, scalable: true })
    figure.append(`${index + 1} of ${count}`)
    return figure
  })
  element('codes').replaceChildren(...figures)
  say('Show them to the camera of the device, and to nobody else: they are the claim.')
})

element('serial').hidden = !('serial' in navigator)
element('serial').addEventListener('click', () =>
  step('Choose the port.', 'The device did not take it', async () => {
    const port = await navigator.serial.requestPort()
    await port.open({ baudRate: 115_200 })
    const writer = port.writable.getWriter()
    await writer.write(bytes(`${handed()}\n`))
    writer.releaseLock()
    await port.close()
    return 'The device has the claim.'
  }),
)

/** Nordic's UART service, which most kits have: its characteristic for what the device receives. */
const UART = '6e400001-b5a3-f393-e0a9-e50e24dcca9e'
const UART_RECEIVE = '6e400002-b5a3-f393-e0a9-e50e24dcca9e'
/** What a packet holds on the oldest devices. */
const UART_BYTES = 20

element('bluetooth').hidden = !('bluetooth' in navigator)
element('bluetooth').addEventListener('click', () =>
  step('Choose the device.', 'The device did not take it', async () => {
    const device = await navigator.bluetooth.requestDevice({ filters: [{ services: [UART] }] })
    const server = await device.gatt.connect()
    const characteristic = await (await server.getPrimaryService(UART)).getCharacteristic(UART_RECEIVE)
    const text = bytes(`${handed()}\n`)
    for (let at = 0; at < text.length; at += UART_BYTES) {
      await characteristic.writeValueWithResponse(text.slice(at, at + UART_BYTES))
    }
    server.disconnect()
    return 'The device has the claim.'
  }),
)
