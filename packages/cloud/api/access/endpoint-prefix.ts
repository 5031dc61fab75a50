import type { Entropy } from '@birthmark/foundation/kernel'

/** Makes the first label of a new endpoint: `a` and 13 random characters, as AWS's are. */
export function newEndpointPrefix(entropy: Entropy): string {
  return `a${Array.from(entropy.bytes(13), (byte) => LABEL[byte % LABEL.length]).join('')}`
}

const LABEL = 'abcdefghijklmnopqrstuvwxyz234567'
