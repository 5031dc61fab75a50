import { encodeUtf8 } from '@birthmark/foundation/kernel'
import type { Answer } from './engine/answer.ts'

/**
 * The page on which an installer makes a claim for the device at hand: signs CreateProvisioningClaim in the browser
 * with the installer's own access key, which never leaves it, and hands the claim over as a download, or over Web
 * Serial.
 */
export function claimPage(): Answer {
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    },
    body: encodeUtf8(PAGE),
  }
}

/** Nothing comes from elsewhere, and nothing goes there. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:28rem;margin:2rem auto;padding:0 1rem;color:#1b1b1f}
label{display:block;margin:.8rem 0 .2rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
button{font:inherit;padding:.6rem 1rem;margin:1rem .5rem 0 0}output{display:block;margin-top:1rem;white-space:pre-wrap}
`

const SCRIPT = `
const $ = (id) => document.getElementById(id)
const bytes = (text) => new TextEncoder().encode(text)
const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('')
const sha = async (text) => hex(await crypto.subtle.digest('SHA-256', bytes(text)))
const hmac = async (key, text) => {
  const k = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, bytes(text)))
}
async function send(path) {
  const stamp = new Date().toISOString().replace(/[-:]|\\.\\d+/g, '')
  const scope = [stamp.slice(0, 8), $('region').value, 'iot', 'aws4_request']
  const headers = 'host:' + location.host + '\\nx-amz-date:' + stamp + '\\n'
  const canonical = ['POST', encodeURI(path), '', headers, 'host;x-amz-date', await sha('')].join('\\n')
  const text = ['AWS4-HMAC-SHA256', stamp, scope.join('/'), await sha(canonical)].join('\\n')
  let key = bytes('AWS4' + $('secret').value)
  for (const part of scope) key = await hmac(key, part)
  const signature = hex(await hmac(key, text))
  const authorization = 'AWS4-HMAC-SHA256 Credential=' + $('key').value + '/' + scope.join('/') +
    ', SignedHeaders=host;x-amz-date, Signature=' + signature
  const answer = await fetch(path, { method: 'POST', headers: { 'x-amz-date': stamp, authorization } })
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.message || 'status ' + answer.status)
  return body
}
let claim
$('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  $('said').textContent = 'Asking\\u2026'
  $('hand').hidden = true
  try {
    claim = await send('/provisioning-templates/' + encodeURIComponent($('template').value) + '/provisioning-claim')
    const until = new Date(claim.expiration * 1000)
    const short = claim.certificateId.slice(0, 12)
    $('said').textContent = 'Claim ' + short + '\\u2026 is good until ' + until.toLocaleTimeString() + '.'
    $('hand').hidden = false
  } catch (error) {
    $('said').textContent = 'Refused: ' + error.message
  }
})
const handed = () => JSON.stringify({ template: $('template').value, host: location.hostname, ...claim })
$('download').addEventListener('click', () => {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([handed()], { type: 'application/json' }))
  link.download = 'claim.json'
  link.click()
  URL.revokeObjectURL(link.href)
})
$('serial').hidden = !('serial' in navigator)
$('serial').addEventListener('click', async () => {
  try {
    const port = await navigator.serial.requestPort()
    await port.open({ baudRate: 115200 })
    const writer = port.writable.getWriter()
    await writer.write(bytes(handed() + '\\n'))
    writer.releaseLock()
    await port.close()
    $('said').textContent = 'The device has the claim.'
  } catch (error) {
    $('said').textContent = 'The device did not take it: ' + error.message
  }
})
`

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Claim for a device</title><style>${STYLE}</style></head><body>
<h1>Claim for a device</h1>
<form id="form" autocomplete="off">
<label for="key">Access key</label><input id="key" required>
<label for="secret">Secret</label><input id="secret" type="password" required>
<label for="region">Region</label><input id="region" value="us-east-1" required>
<label for="template">Template</label><input id="template" required pattern="[0-9A-Za-z_-]{1,36}">
<button>Make a claim</button></form>
<output id="said" aria-live="polite"></output>
<div id="hand" hidden><button id="download" type="button">Download</button>
<button id="serial" type="button">Send over the serial port</button></div>
<script>${SCRIPT}</script></body></html>
`
