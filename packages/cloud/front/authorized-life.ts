import { type Cancel, millis } from '@birthmark/foundation/kernel'
import { attemptCause } from './attempt-causes.ts'
import type { AuthorizedClient } from './authorized-client.ts'
import type { ConnectionPorts } from './connection-ports.ts'
import type { LiveSession } from './live-session.ts'

/**
 * Ends the session of a client that a custom authorizer let in when its time is over, and asks the authorizer again
 * before that as often as it wants: other policies bind the session, a refusal ends it. How long the connection lasts
 * was said when it began (AWS IoT Core developer guide, defining your Lambda function).
 *
 * @returns what stops it
 */
export function superviseAuthorized(session: LiveSession, client: AuthorizedClient, ports: ConnectionPorts): Cancel {
  const { authorizers, live, registry, timers } = ports
  const { authorizer, disconnectAfter: seconds } = client.grant
  let hasStopped = false
  let cancelRefresh: Cancel = () => undefined
  const end = (): void =>
    session.endFor(attemptCause('AUTHORIZATION_EXPIRED', { authorizer, seconds }), 'administrative')
  const cancelEnd = timers.after(millis(seconds * 1000), end, { background: true })
  const plan = (): void => {
    if (authorizers === undefined) return
    const again = async (): Promise<void> => {
      const verdict = await client.refresh(authorizers, registry.scope)
      if (hasStopped) return
      if (!verdict.ok) return session.endFor(attemptCause(verdict.code, { why: verdict.why }), 'not-authorized')
      live.refresh(session)
      plan()
    }
    const fail = (error: unknown): void => session.fail(error)
    const wait = millis(client.grant.refreshAfter * 1000)
    cancelRefresh = timers.after(wait, () => void again().catch(fail), { background: true })
  }
  plan()
  return () => {
    hasStopped = true
    cancelEnd()
    cancelRefresh()
  }
}
