import type { Attempt } from '@birthmark/cloud/front'
import { type CloudAccess, readOwnApi } from './cloud-client.ts'

/** An attempt as the cloud tells it. */
export type AttemptView = Attempt

/**
 * Reads attempts from a cloud, newest first.
 *
 * @throws `CLOUD_REFUSED`, `CLOUD_UNREACHABLE`
 */
export async function readAttempts(
  access: CloudAccess,
  filter: Readonly<Record<string, string>>,
): Promise<readonly AttemptView[]> {
  const answer = await readOwnApi(access, '/v1/attempts', filter)
  return isAttemptList(answer) ? answer.attempts : []
}

function isAttemptList(answer: unknown): answer is { readonly attempts: readonly AttemptView[] } {
  return typeof answer === 'object' && answer !== null && 'attempts' in answer && Array.isArray(answer.attempts)
}
