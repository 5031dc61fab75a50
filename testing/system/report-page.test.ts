/** The report of a line as a page: opened from its file in a browser, with nothing fetched from anywhere. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openPage } from '../testkit/browser.ts'
import { newAuthority } from '../testkit/new-authority.ts'
import { runBirthmark } from '../testkit/run-birthmark.ts'
import { scratchFolder } from '../testkit/scratch-folder.ts'

test('the report opens from its file, draws every chart, and fetches nothing', async (t) => {
  const { folder: authority, passphrase } = await newAuthority(t)
  const folder = await scratchFolder(t)
  const file = (name: string): string => join(folder, name)
  mkdirSync(file('line'))
  writeFileSync(file('pass'), `${passphrase}\n`)
  writeFileSync(file('order.json'), JSON.stringify(ORDER))
  const where = ['--authority', authority, '--passphrase-file', file('pass'), '--data', file('line')]
  await succeed('line', 'run', '--work-order', file('order.json'), ...where, '--virtual', '3')
  const report = await succeed('line', 'report', '--data', file('line'), '--html', file('report.html'))

  const page = await openPage(t, pathToFileURL(file('report.html')).href, LISTENING)
  await page.until('document.querySelectorAll("canvas").length === 5')
  assert.deepEqual(await page.evaluate(DRAWN), [true, true, true, true, true])
  assert.deepEqual(await page.evaluate('troubles'), [])
  assert.deepEqual(await page.evaluate('performance.getEntriesByType("resource").map(({ name }) => name)'), [])
  const [lot] = [report['lots']].flat()
  assert.deepEqual(await page.evaluate(LOT), [Object(lot).order, Object(lot).product])
  // What the browser may not do even if the page asked for it.
  assert.match(readFileSync(file('report.html'), 'utf8'), /default-src 'none'/)
  const fetched = 'fetch("http://127.0.0.1:9/").then(() => "sent", () => "refused")'
  assert.equal(await page.evaluate(fetched), 'refused')
  assert.deepEqual(await page.evaluate('troubles'), ['connect-src http://127.0.0.1:9/'])
})

/** Writes down what goes wrong in the page, and what it was not let to load. */
const LISTENING = `
  globalThis.troubles = []
  addEventListener('error', ({ message }) => troubles.push(message))
  addEventListener('securitypolicyviolation', (event) =>
    troubles.push(event.effectiveDirective + ' ' + event.blockedURI))
`

/** Whether there is ink on each canvas. */
const DRAWN = `[...document.querySelectorAll('canvas')].map((canvas) => {
  const { width, height } = canvas
  return width > 0 && canvas.getContext('2d').getImageData(0, 0, width, height).data.some((value) => value !== 0)
})`

const LOT = `[...document.querySelector('tbody tr').cells].slice(0, 2).map(({ textContent }) => textContent)`

const ORDER = {
  format: 'birthmark-work-order/2',
  id: 'PO-1',
  product: 'press',
  count: 5,
  locks: ['key', 'certificate'],
}

async function succeed(...words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runBirthmark([...words, '--json'])
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')
}
