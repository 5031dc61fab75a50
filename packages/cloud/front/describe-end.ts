import type { RefusalCause, SessionEnd } from '@birthmark/cloud/mqtt'

/** Says which step of an attempt a refusal belongs to. */
export function stepOf(refusal: RefusalCause): 'publish' | 'subscribe' {
  if (refusal.because === 'denied') return refusal.action === 'subscribe' ? 'subscribe' : 'publish'
  return /FILTER|SUBSCRIPTION/.test(refusal.fault.code) ? 'subscribe' : 'publish'
}

/** Says in words why a session ended. */
export function describeEnd(end: SessionEnd): string {
  switch (end.because) {
    case 'disconnected':
      return end.reasonCode === 0 ? 'the client disconnected' : `the client disconnected with reason ${end.reasonCode}`
    case 'ordered':
      return `ended by the server: ${end.order}`
    case 'connection-lost':
      return 'the connection was lost'
    case 'fault':
      return `ended by the server: ${end.fault.code}`
    case 'denied':
      return `ended by the server: ${end.action} denied`
  }
}
