import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { LineReport } from '@birthmark/factory/line'
import type { Instant } from '@birthmark/foundation/kernel'

/**
 * Writes a report as one HTML page: tables and charts, the chart library inside, so that the file opens wherever it is
 * and fetches nothing. Everything that was read from outside goes in as data, never as markup.
 */
export function reportPage(report: LineReport, madeAt: Instant): string {
  return PAGE.replace('/*CHART*/', () => inScript(chartLibrary()))
    .replace('/*MADE*/', () => new Date(madeAt).toISOString())
    .replace('/*DATA*/', () => JSON.stringify(report).replaceAll('<', '\\u003c'))
    .replace('/*DRAW*/', () => DRAW)
}

function chartLibrary(): string {
  // The build for a page stands beside the one for programs; it is not among the exports.
  const main = createRequire(import.meta.url).resolve('chart.js')
  return readFileSync(join(dirname(main), 'chart.umd.js'), 'utf8')
}

/** What would end the script element early is written so that it does not. */
function inScript(text: string): string {
  return text.replaceAll('</', '<\\/').replaceAll('<!--', '<\\!--')
}

const DRAW = `
const report = JSON.parse(document.getElementById('report').textContent)
const put = (parent, tag, text) => {
  const element = document.createElement(tag)
  if (text !== undefined) element.textContent = text
  parent.append(element)
  return element
}
const tables = document.getElementById('tables')
const table = (title, says, columns, rows) => {
  put(tables, 'h2', title)
  if (says !== '') put(tables, 'p', says)
  if (rows.length === 0) return put(tables, 'p', 'Nothing on record.')
  const element = put(put(tables, 'div'), 'table')
  const head = put(put(element, 'thead'), 'tr')
  for (const heading of Object.values(columns)) put(head, 'th', heading)
  const body = put(element, 'tbody')
  for (const row of rows) {
    const line = put(body, 'tr')
    for (const name of Object.keys(columns)) {
      const value = row[name]
      const cell = put(line, 'td', value === undefined ? '-' : String(value))
      cell.className = typeof value === 'number' || NUMBERS.has(name) ? 'number' : ''
      cell.title = cell.textContent
    }
  }
}
const NUMBERS = new Set(['yield', 'mean', 'connected'])
// A step that no element came to, as where an order has no trust anchor, has no yield and no time.
const steps = report.steps.filter(({ entered }) => entered > 0)
table(
  'Lots',
  'Ordered is the sum of built, scrapped, revoked, lost and never built. Lost: begun, so that a certificate may ' +
    'exist, and neither finished nor scrapped; put in again, such an element is finished. Shipped and connected ' +
    'are counted among the built ones.',
  { order: 'Lot', product: 'Product', ordered: 'Ordered', built: 'Built', scrapped: 'Scrapped', revoked: 'Revoked',
    lost: 'Lost', neverBuilt: 'Never built', shipped: 'Shipped', connected: 'Connected' },
  report.lots,
)
table(
  'Stations',
  'Begun, made, locked and scrapped: what the key of the station signed. Built, lost and connected: what became of ' +
    'the devices that it began.',
  { name: 'Station', order: 'Lot', begun: 'Begun', made: 'Made', locked: 'Locked', scrapped: 'Scrapped',
    built: 'Built', lost: 'Lost', connected: 'Connected', station: 'Key' },
  report.stations,
)
table(
  'Steps',
  'Over all runs: an element that failed and was put in again is counted each time.',
  { step: 'Step', order: 'Lot', entered: 'Entered', failed: 'Failed', yield: 'Yield', mean: 'Mean, ms',
    longest: 'Longest, ms' },
  steps.map((row) => ({ ...row, yield: (100 * row.yield).toFixed(1) + ' %', mean: row.mean.toFixed(1) })),
)
table(
  'Why elements failed or were scrapped',
  '',
  { code: 'Reason', count: 'Elements' },
  Object.entries(report.reasons).map(([code, count]) => ({ code, count })),
)

const charts = document.getElementById('charts')
const chart = (title, config, isWide = false) => {
  const box = put(charts, 'figure')
  if (isWide) box.className = 'wide'
  put(box, 'figcaption', title)
  const options = { animation: false, maintainAspectRatio: false, ...config.options }
  new Chart(put(put(box, 'div'), 'canvas'), { ...config, options })
}
const COLOURS = ['#2a7f62', '#b3541e', '#c9a227', '#8a8f98', '#3b6ea5', '#7a4988', '#7fb069', '#e08e8e', '#5fb3b3',
  '#4a4e57']
const stacked = { scales: { x: { stacked: true }, y: { stacked: true, beginAtZero: true } } }
const parts = [['built', 'built'], ['scrapped', 'scrapped'], ['lost', 'lost'],
  ['neverBuilt', 'never built'], ['revoked', 'revoked']]
chart('What was ordered, by lot', {
  type: 'bar',
  data: {
    labels: report.lots.map(({ order }) => order),
    datasets: parts.map(([key, label], n) => {
      return { label, data: report.lots.map((lot) => lot[key] ?? 0), backgroundColor: COLOURS[n] }
    }),
  },
  options: stacked,
})
const stepNames = [...new Set(steps.map(({ step }) => step))]
const lots = [...new Set(steps.map(({ order }) => order))]
const perStep = (value) => lots.map((order, n) => ({
  label: order,
  backgroundColor: COLOURS[n % COLOURS.length],
  data: stepNames.map((step) => {
    const found = steps.find((row) => row.step === step && row.order === order)
    return found === undefined ? null : value(found)
  }),
}))
chart('Yield by step, per cent', {
  type: 'bar',
  data: { labels: stepNames, datasets: perStep((row) => 100 * row.yield) },
  options: { scales: { y: { max: 100 } } },
})
chart('Mean time by step, milliseconds', {
  type: 'bar',
  data: { labels: stepNames, datasets: perStep((row) => row.mean) },
})
const timesOf = (step, place) => steps
  .filter((row) => row.step === step)
  .reduce((sum, row) => sum + (row.byTime[place] ?? 0), 0)
chart('Elements by time, all steps', {
  type: 'bar',
  data: {
    labels: Array.from({ length: 17 }, (_, n) => (n === 0 ? '0 ms' : 'below ' + 2 ** n + ' ms')),
    datasets: stepNames.map((step, n) => ({
      label: step,
      backgroundColor: COLOURS[n % COLOURS.length],
      data: Array.from({ length: 17 }, (_, place) => timesOf(step, place)),
    })),
  },
  options: stacked,
}, true)
chart('Signed by each station', {
  type: 'bar',
  data: {
    labels: report.stations.map(({ name, order }) => name + ', ' + order),
    datasets: ['begun', 'made', 'locked', 'scrapped'].map((key, n) => {
      return { label: key, data: report.stations.map((row) => row[key]), backgroundColor: COLOURS[n] }
    }),
  },
})
`

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<title>Line report</title>
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
  body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
  table { border-collapse: collapse; font-size: 0.85rem }
  th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #8884; text-align: left }
  th, td { max-width: 22rem; overflow: hidden; text-overflow: ellipsis }
  td.number { text-align: right; font-variant-numeric: tabular-nums }
  #charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 1.5rem }
  figure { margin: 0 }
  figure.wide { grid-column: span 2 }
  @media (max-width: 52rem) { figure.wide { grid-column: auto } }
  section p { max-width: 60rem }
  #tables div { overflow-x: auto }
  figure div { height: 18rem; position: relative }
  figcaption { font-weight: 600 }
</style>
</head>
<body>
<h1>Line report</h1>
<p>As the ledger and the runs of the line stood at <time>/*MADE*/</time>.</p>
<section id="charts"></section>
<section id="tables"></section>
<script id="report" type="application/json">/*DATA*/</script>
<script>/*CHART*/</script>
<script>/*DRAW*/</script>
</body>
</html>
`
