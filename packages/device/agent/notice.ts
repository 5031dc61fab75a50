import type { Millis } from '@birthmark/foundation/kernel'
import type { AgentState } from './states.ts'

/** What an agent tells as it goes. */
export type AgentNotice =
  | { readonly event: 'state'; readonly state: AgentState }
  | { readonly event: 'receiver'; readonly url: string; readonly code: string }
  | { readonly event: 'acquired'; readonly certificateId: string; readonly thingName: string | undefined }
  | { readonly event: 'online'; readonly name: string; readonly certificateId: string }
  | { readonly event: 'published'; readonly topic: string; readonly count: number }
  | { readonly event: 'command'; readonly topic: string; readonly payload: string }
  | { readonly event: 'failed'; readonly code: string; readonly message: string; readonly nextTryMs: Millis }
