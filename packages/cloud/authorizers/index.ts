/** Custom authorizers: chosen by what a client says, its token's signature checked, their function asked. */

export { Authorizers, type AuthorizersOptions, type TestedCredentials } from './authorizers.ts'
export { type AuthorizerSettings, DEFAULT_AUTHORIZER } from './stored.ts'
