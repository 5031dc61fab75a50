import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { opensslIn } from '../testkit/openssl.ts'

/** A key and its certificate in files, as clients want them. */
export interface FileIdentity {
  readonly certificate: string
  readonly key: string
}

/** What a certificate has otherwise than a device's. */
export interface FileRequest {
  readonly commonName?: string
  /** Section of the configuration: `device` when absent. */
  readonly extensions?: 'device' | 'for_servers' | 'no_signing' | 'issuer'
  /** Days from now; -1 to 30 when absent. */
  readonly from?: number
  readonly until?: number
  /** As `openssl genpkey` takes it; a P-256 key when absent. */
  readonly key?: string
}

/** CAs and certificates made with OpenSSL, in the files of one folder. */
export class FilePki {
  readonly folder: string
  readonly #openssl: ReturnType<typeof opensslIn>
  #made = 0

  constructor(folder: string) {
    this.folder = folder
    this.#openssl = opensslIn(folder)
    writeFileSync(join(folder, 'ca.cnf'), CONFIGURATION)
    writeFileSync(join(folder, 'index.txt'), '')
  }

  /** Makes a CA of its own. Two of the same name are told apart by their keys only. */
  newCa(commonName: string): FileIdentity {
    const { certificate, key } = this.#newFiles(EC)
    const words = `req -x509 -new -config ca.cnf -extensions issuer -days 30 -key ${key} -out ${certificate} -subj`
    this.#openssl(words, `/CN=${commonName}`)
    return { certificate, key }
  }

  /** Makes a certificate that is its own issuer. */
  selfSigned(commonName: string): FileIdentity {
    const { certificate, key } = this.#newFiles(EC)
    const words = `req -x509 -new -config ca.cnf -extensions device -days 30 -key ${key} -out ${certificate} -subj`
    this.#openssl(words, `/CN=${commonName}`)
    return { certificate, key }
  }

  /** Issues a certificate; a fresh common name when none is asked for. */
  issue(ca: FileIdentity, request: FileRequest = {}): FileIdentity {
    const { certificate, key } = this.#newFiles(request.key ?? EC)
    const csr = `${key}.csr`
    this.#openssl(
      `req -new -config ca.cnf -key ${key} -out ${csr} -subj`,
      `/CN=${request.commonName ?? `lab-${this.#made}`}`,
    )
    const validity = `-startdate ${stamp(request.from ?? -1)} -enddate ${stamp(request.until ?? 30)}`
    const extensions = request.extensions ?? 'device'
    const issuer = `-cert ${ca.certificate} -keyfile ${ca.key} -extensions ${extensions}`
    this.#openssl(`ca -batch -notext -config ca.cnf ${issuer} ${validity} -in ${csr} -out ${certificate}`)
    return { certificate, key }
  }

  /** A key file that claims to belong to the certificate and cannot sign for it: its private half is another's. */
  withForeignKey({ certificate, key }: FileIdentity): FileIdentity {
    const own = this.#numbers(key)
    const other = this.#numbers(this.#newFiles(EC).key)
    // ECPrivateKey (RFC 5915 §3): version 1, private key, P-256, public key.
    const der = Buffer.concat([
      Buffer.from('30770201010420', 'hex'),
      other.private,
      Buffer.from('a00a06082a8648ce3d030107a144034200', 'hex'),
      own.public,
    ])
    const mixed = `${key}.foreign`
    const lines = der.toString('base64').replaceAll(/.{64}/g, '$&\n')
    writeFileSync(mixed, `-----BEGIN EC PRIVATE KEY-----\n${lines}\n-----END EC PRIVATE KEY-----\n`)
    return { certificate, key: mixed }
  }

  #numbers(key: string): { readonly private: Buffer; readonly public: Buffer } {
    const der = `${key}.der`
    this.#openssl(`ec -in ${key} -outform DER -out ${der}`)
    const bytes = readFileSync(der)
    return { private: bytes.subarray(7, 39), public: bytes.subarray(-65) }
  }

  #newFiles(algorithm: string): FileIdentity {
    this.#made++
    const key = join(this.folder, `lab-${this.#made}.key`)
    this.#openssl(`genpkey ${algorithm} -out ${key}`)
    return { certificate: join(this.folder, `lab-${this.#made}.pem`), key }
  }
}

const EC = '-algorithm EC -pkeyopt ec_paramgen_curve:P-256'

/** GeneralizedTime, as `openssl ca` takes it. */
function stamp(days: number): string {
  const at = new Date(Date.now() + days * 86_400_000).toISOString()
  return `${at.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`
}

const CONFIGURATION = `
[req]
distinguished_name = name
[name]
[ca]
default_ca = files
[issuer]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[files]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[device]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[for_servers]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
[no_signing]
basicConstraints = critical, CA:false
keyUsage = critical, keyAgreement
`
