import type { AuthorizerCredentials } from '@birthmark/cloud/front'

/** Looks a value up that a client may send in its query, its headers or its MQTT user name. */
export type Lookup = (name: string) => string | undefined

/**
 * Gives the way to what a client sends by name: in the query of its request, in a header, or in the query behind its
 * MQTT user name (AWS IoT Core developer guide, connecting by using custom authentication).
 */
export function lookupIn({ http, mqtt }: Pick<AuthorizerCredentials, 'http' | 'mqtt'>): Lookup {
  const query = parseQuery(http?.queryString ?? '')
  const behindName = parseQuery(mqtt?.username ?? '')
  const headers = new Map(Object.entries(http?.headers ?? {}))
  return (name) => query.get(name) ?? headers.get(name.toLowerCase()) ?? behindName.get(name)
}

/** What stands behind the first question mark; a value may be encoded, or be Base64 as it is. */
function parseQuery(text: string): ReadonlyMap<string, string> {
  const at = text.indexOf('?')
  const pairs = at < 0 ? [] : text.slice(at + 1).split('&')
  return new Map(
    pairs.map((pair) => {
      const split = pair.indexOf('=')
      return split < 0 ? [decode(pair), ''] : [decode(pair.slice(0, split)), decode(pair.slice(split + 1))]
    }),
  )
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const AUTHORIZER_NAME = 'x-amz-customauthorizer-name'
export const AUTHORIZER_SIGNATURE = 'x-amz-customauthorizer-signature'
