import type { Members } from '@birthmark/factory/json'

/** How a CA elsewhere is asked. */
export interface ExternalSettings {
  /** A program and its words: the request on its standard input, the certificate on its standard output, both PEM. */
  readonly command?: readonly string[]
  /** Or an address that takes the request as the body of a POST, and answers with the certificate. */
  readonly url?: string
  /** A file whose one line goes there as a bearer token. */
  readonly tokenFile?: string
  /** How long one answer may take, in seconds: 1 to 600. */
  readonly timeoutSeconds: number
  /** The shortest validity that is taken, in days; what the profile says is the longest. */
  readonly validityDaysMin: number
}

/** Reads the member `external` of an authority's settings. */
export function readExternal(members: Members): { readonly external?: ExternalSettings } {
  const external = members.object('external', (settings) => {
    const named = ['command', 'url'].filter((name) => settings.has(name))
    if (named.length !== 1) settings.refuse('command', 'must stand alone: name one of command and url')
    return {
      ...(named[0] === 'command' && { command: settings.texts('command', WORD, 'words of a command') }),
      ...(named[0] === 'url' && { url: settings.text('url', HTTP_URL, 'an http: or https: URL') }),
      ...(settings.has('tokenFile') && { tokenFile: settings.text('tokenFile', WORD, 'the path of a file') }),
      timeoutSeconds: settings.has('timeoutSeconds') ? settings.integer('timeoutSeconds', 1, 600) : 30,
      validityDaysMin: settings.has('validityDaysMin') ? settings.integer('validityDaysMin', 0, 36_525) : 30,
    }
  })
  return external === undefined ? {} : { external }
}

const WORD = /^[^\0]{1,4096}$/
const HTTP_URL = /^https?:\/\/[\x21-\x7e]{1,2000}$/
