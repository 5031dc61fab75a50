/** Overwrites secrets once they are not needed. Copies that the engine or OpenSSL made are out of reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0)
}
