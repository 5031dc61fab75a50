import type { Instant } from '@birthmark/foundation/kernel'

/** Counts the connections of each client id, wherever all of them are known; tells whether one more may come. */
export interface ConnectRates {
  take(clientId: string, now: Instant): boolean | Promise<boolean>
}
