import type { Output } from '../output.ts'
import type { FleetResult } from './fleet.ts'
import type { Inventory } from './inventory.ts'
import type { Refusal } from './refusals.ts'
import type { Tray } from './tray.ts'

/** What the main job did, in numbers. Rates are per second of wall time of this run. */
export interface JobSummary {
  readonly devices: number
  readonly personalisedPerSecond: number
  readonly firstConnectionsPerSecond: number
  /** From the first connection of the first device to the acknowledged telemetry of the last, waits included. */
  readonly onlineAfterSeconds: number
  readonly manifest: string
  readonly registry: Inventory
  readonly refusals: readonly Refusal[]
}

/** Draws up the summary of a job. */
export function summaryOf(outcome: {
  readonly tray: Tray
  readonly fleet: FleetResult
  readonly inventory: Inventory
  readonly refusals: readonly Refusal[]
}): JobSummary {
  const { tray, fleet, inventory, refusals } = outcome
  const firstConnectionsMs = Math.max(...fleet.firstConnectionEnds) - fleet.startedAt
  return {
    devices: tray.devices.length,
    personalisedPerSecond: rate(tray.devices.length, tray.tookMs),
    firstConnectionsPerSecond: rate(fleet.firstConnectionEnds.length, firstConnectionsMs),
    onlineAfterSeconds: Math.round((fleet.finishedAt - fleet.startedAt) / 10) / 100,
    manifest: tray.manifest,
    registry: inventory,
    refusals,
  }
}

/** Says the summary to people. */
export function saySummary(output: Output, summary: JobSummary): void {
  const { registry, devices, onlineAfterSeconds } = summary
  output.say()
  output.say(`Personalised        ${summary.personalisedPerSecond} devices/s through every step of the line`)
  output.say(
    `First connections   ${summary.firstConnectionsPerSecond}/s, mutual TLS with the signature made in the chip`,
  )
  output.say(`Online              all ${devices} devices publishing after ${onlineAfterSeconds} s, waits included`)
  output.say(
    `In the registry     ${registry.things} things, ${registry.activeCertificates} active certificates, ` +
      `${registry.policyAttachments} policy attachments`,
  )
  for (const { what, code, reason, remedy } of summary.refusals) {
    output.say()
    output.say(`Refused, as it must be: ${what}.`)
    output.say(`  ${code}: ${reason}`)
    output.say(`  ${remedy}`)
  }
  output.say()
  output.say('Next: birthmark demo --devices 20 --keep, then the tour in README.md.')
}

function rate(count: number, tookMs: number): number {
  return Math.round((count / Math.max(tookMs, 1)) * 1000)
}
