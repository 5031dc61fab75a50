import { readFileSync } from 'node:fs'
import { connectAsync } from 'mqtt'
import { runProgram } from '../testkit/run-program.ts'
import { gnutls, type LabFault, publish, sClient, sIdentity } from './lab.ts'

/** Faults before and during the TLS handshake. */
export const TLS_FAULTS: readonly LabFault[] = [
  {
    fault: 'offers TLS 1.1 only',
    client: 'openssl s_client',
    code: 'TLS_VERSION_UNSUPPORTED',
    says: /offers TLS 1\.1/,
    make: (lab) => sClient(lab, ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0']),
  },
  {
    fault: 'offers TLS 1.0 and 1.1 only',
    client: 'gnutls-cli',
    code: 'TLS_VERSION_UNSUPPORTED',
    says: /offers TLS 1\.1/,
    make: (lab) => gnutls(lab, ['--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%COMPAT']),
  },
  {
    fault: 'offers cipher suites without forward secrecy only',
    client: 'openssl s_client',
    code: 'TLS_CIPHER_UNSUPPORTED',
    says: /TLS_RSA_WITH_AES_128_CBC_SHA/,
    make: (lab) => sClient(lab, ['-tls1_2', '-cipher', 'AES128-SHA']),
  },
  {
    fault: 'offers CBC cipher suites only',
    client: 'gnutls-cli',
    code: 'TLS_CIPHER_UNSUPPORTED',
    says: /TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA/,
    make: (lab) => gnutls(lab, ['--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC']),
  },
  {
    fault: 'offers an application protocol that the port does not speak',
    client: 'openssl s_client',
    code: 'ALPN_UNKNOWN',
    says: /\bspdy\/3\b/,
    make: (lab) => sClient(lab, ['-alpn', 'spdy/3'], '', lab.cloud.httpsPort),
  },
  {
    fault: 'offers HTTP/2 only',
    client: 'gnutls-cli',
    code: 'ALPN_UNKNOWN',
    says: /\bh2\b/,
    make: (lab) => gnutls(lab, ['--alpn', 'h2'], lab.cloud.httpsPort),
  },
  {
    fault: 'speaks HTTP without TLS',
    client: 'curl',
    code: 'TLS_EXPECTED',
    says: /HTTP without TLS/,
    make: ({ cloud }) => runProgram('curl', ['-sS', `http://localhost:${cloud.mqtt.port}/`]),
  },
  {
    fault: 'speaks MQTT without TLS',
    client: 'mosquitto_pub',
    code: 'TLS_EXPECTED',
    says: /does not speak TLS/,
    make: ({ cloud }) => {
      const where = ['-h', 'localhost', '-p', String(cloud.mqtt.port), '-i', 'plain']
      return runProgram('mosquitto_pub', [...where, '-t', 'a', '-m', 'x'])
    },
  },
  {
    fault: 'trusts another root',
    client: 'mosquitto_pub',
    code: 'ENDPOINT_NOT_TRUSTED',
    says: /unknown_ca/,
    make: (lab) => publish(lab, 'distrust', undefined, '--cafile', lab.pki.newCa('Another root').certificate),
  },
  {
    fault: 'trusts another root',
    client: 'curl',
    code: 'ENDPOINT_NOT_TRUSTED',
    says: /unknown_ca/,
    make: ({ cloud, pki }) => {
      const root = pki.newCa('Another root').certificate
      return runProgram('curl', ['-sS', '--cacert', root, `https://localhost:${cloud.httpsPort}/`])
    },
  },
  {
    fault: 'expects another host name',
    client: 'openssl s_client',
    code: 'ENDPOINT_NOT_TRUSTED',
    says: /bad_certificate/,
    make: (lab) => sClient(lab, ['-verify_return_error', '-verify_hostname', 'broker.example.com']),
  },
  {
    fault: 'trusts another root and hangs up without an alert',
    client: 'mqtt (npm)',
    code: 'TLS_HANDSHAKE_FAILED',
    says: /closed the connection without an alert/,
    make: async ({ cloud, pki }) => {
      const ca = readFileSync(pki.newCa('Another root').certificate)
      const options = { ca, clientId: 'distrust', reconnectPeriod: 0, servername: 'localhost' }
      await connectAsync(`mqtts://localhost:${cloud.mqtt.port}`, options, false).catch(() => undefined)
    },
  },
  {
    fault: 'holds a key that is not the certificate’s (TLS 1.3)',
    client: 'openssl s_client',
    code: 'PROOF_OF_POSSESSION_FAILED',
    says: /signature/,
    make: (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      return sClient(lab, ['-tls1_3', ...sIdentity(lab.pki.withForeignKey(device))])
    },
  },
  {
    fault: 'holds a key that is not the certificate’s (TLS 1.2)',
    client: 'openssl s_client',
    code: 'PROOF_OF_POSSESSION_FAILED',
    says: /signature/,
    make: (lab) => {
      const device = lab.pki.issue(lab.pki.newCa('Any CA'))
      return sClient(lab, ['-tls1_2', ...sIdentity(lab.pki.withForeignKey(device))])
    },
  },
  {
    fault: 'shows no certificate (TLS 1.2)',
    client: 'openssl s_client',
    code: 'NO_CLIENT_CERTIFICATE',
    says: /no certificate/,
    make: (lab) => sClient(lab, ['-tls1_2'], CONNECT),
  },
  {
    fault: 'shows no certificate (TLS 1.3)',
    client: 'mosquitto_pub',
    code: 'NO_CLIENT_CERTIFICATE',
    says: /no certificate/,
    make: (lab) => publish(lab, 'nobody', undefined),
  },
  {
    fault: 'shows a password instead of a certificate',
    client: 'mqtt (npm)',
    code: 'NO_CLIENT_CERTIFICATE',
    says: /no certificate/,
    make: async ({ cloud }) => {
      const secret = { username: 'user', password: 'secret' }
      const options = { ca: readFileSync(cloud.rootPath), clientId: 'user', reconnectPeriod: 0, ...secret }
      await connectAsync(`mqtts://localhost:${cloud.mqtt.port}`, options, false).catch(() => undefined)
    },
  },
]

/** MQTT 3.1.1, clean session, keep-alive 60 s, client id `a` (MQTT 3.1.1 §3.1). */
const CONNECT = Buffer.from('100d00044d5154540402003c000161', 'hex')
