import type { CertificateProfile } from '@birthmark/foundation/x509'

/** The revocation list that a certificate names. */
export interface ShardName {
  readonly number: number
  readonly url: string
}

/**
 * Adds to profiles where the state of a certificate is told (RFC 5280 §4.2.1.13). The certificates of one shard share
 * a profile object: what is known of it, such as that it is sound, is found out once.
 */
export class PointedProfiles {
  readonly #profiles = new WeakMap<CertificateProfile, { readonly url: string; readonly profile: CertificateProfile }>()

  add(profile: CertificateProfile, { number, url }: ShardName): CertificateProfile {
    const known = this.#profiles.get(profile)
    if (known?.url === url) return known.profile
    const ocspUrls = profile.ocspUrls ?? [url.slice(0, -`/crl/${number}.crl`.length).concat('/ocsp')]
    const pointed = { ...profile, crlUrls: [url], ocspUrls }
    this.#profiles.set(profile, { url, profile: pointed })
    return pointed
  }
}
