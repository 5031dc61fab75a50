import type { LineReport } from '@birthmark/factory/line'

/** Writes a report as three CSV tables (RFC 4180), each with its heading, separated by an empty line. */
export function reportCsv({ lots, stations, steps }: LineReport): string {
  const tables = [
    table(
      ['lot', 'product', 'ordered', 'built', 'scrapped', 'lost', 'never built', 'shipped', 'revoked', 'connected'],
      lots.map((lot) => [
        lot.order,
        lot.product,
        lot.ordered,
        lot.built,
        lot.scrapped,
        lot.lost,
        lot.neverBuilt,
        lot.shipped,
        lot.revoked,
        lot.connected,
      ]),
    ),
    table(
      ['lot', 'station', 'key', 'begun', 'made', 'locked', 'scrapped', 'built', 'lost', 'connected'],
      stations.map(({ order, name, station, begun, made, locked, scrapped, built, lost, connected }) => {
        return [order, name, station, begun, made, locked, scrapped, built, lost, connected]
      }),
    ),
    table(
      ['lot', 'step', 'entered', 'failed', 'yield', 'mean ms', 'longest ms'],
      steps.map(({ order, step, entered, failed, yield: share, mean, longest }) => {
        return [order, step, entered, failed, share.toFixed(6), mean.toFixed(3), longest]
      }),
    ),
  ]
  return tables.join('\r\n')
}

function table(heading: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): string {
  return [heading, ...rows].map((row) => `${row.map((value) => field(String(value ?? ''))).join(',')}\r\n`).join('')
}

/** A name from outside that begins like a formula is none in any spreadsheet. */
function field(value: string): string {
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
