/** PKCS#11 on this computer: a token server for programs that load `p11-kit-client.so`, and vendors' modules driven. */
export { type ConnectionOptions, CryptokiConnection } from './connection.ts'
export { CryptokiModule } from './module.ts'
export type { ModuleOptions } from './open-token.ts'
export { CONNECTIONS_COUNT_MAX, pinCheck, serveTokens, type TokenServer } from './serve.ts'
export { openTrustXToken } from './trust-x-token.ts'
