import { readFileSync } from 'node:fs'
import type { Answer } from './engine/answer.ts'

/**
 * The page on which an installer makes a claim for the device at hand: signs CreateProvisioningClaim in the browser
 * with the installer's own access key, which never leaves it, and hands the claim over: to the device's receiver, as QR
 * codes, over Web Serial or Bluetooth where the browser has it, or as a download.
 *
 * @param path Of the page or of one of its parts; `undefined` comes back for any other.
 */
export function claimPage(path: string): Answer | undefined {
  const part = PARTS.get(path)
  if (part === undefined) return undefined
  const headers = {
    'content-type': part.type,
    'content-security-policy': CONTENT_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  }
  return { status: 200, headers, body: Uint8Array.from(readFileSync(part.file)) }
}

/** Scripts come from here only; what the page sends goes here, and to the receiver of a device. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self' http: https:",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HTML = 'text/html; charset=utf-8'
const SCRIPT = 'text/javascript; charset=utf-8'

const PARTS: ReadonlyMap<string, { readonly file: URL; readonly type: string }> = new Map([
  ['/v1/claim-page', { file: new URL('claim-page/page.html', import.meta.url), type: HTML }],
  [
    '/v1/claim-page/page.css',
    { file: new URL('claim-page/page.css', import.meta.url), type: 'text/css; charset=utf-8' },
  ],
  ['/v1/claim-page/page.mjs', { file: new URL('claim-page/page.mjs', import.meta.url), type: SCRIPT }],
  ['/v1/claim-page/qrcode.mjs', { file: new URL(import.meta.resolve('qrcode-generator')), type: SCRIPT }],
])
