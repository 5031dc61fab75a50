/** TLS clients that we did not write, with their key in a virtual chip that `birthmark token serve` serves. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startForeignServer } from '../testkit/foreign-server.ts'
import { steadyPort } from '../testkit/running.ts'
import { newServedToken, type ServedToken, TOKEN_KEY } from '../testkit/served-token.ts'
import { GREETING, startTlsGreeter, type TlsGreeter, type TlsVersion } from '../testkit/tls-greeter.ts'
import { newTlsAuthority } from '../testkit/tls-identities.ts'

const VERSIONS: readonly TlsVersion[] = ['1.2', '1.3']

interface Bench {
  readonly token: ServedToken
  readonly rootFile: string
  readonly chainFile: string
  readonly greeter: TlsGreeter
  /** Asserts that the server let the chip's certificate in. */
  readonly assertGreeted: (output: string) => Promise<void>
}

async function newBench(context: TestContext, version: TlsVersion, ...options: readonly string[]): Promise<Bench> {
  const token = await newServedToken(context, ...options)
  const authority = await newTlsAuthority()
  const chain = await authority.certify(token.signer.publicKey)
  const chainFile = await token.install(chain)
  const rootFile = join(token.folder, 'root.pem')
  writeFileSync(rootFile, authority.root.toPem())
  const greeter = await startTlsGreeter(context, authority, version)
  const assertGreeted = async (output: string): Promise<void> => {
    assert.match(output, new RegExp(GREETING))
    const { protocol, certificate } = await greeter.guest
    assert.equal(protocol, `TLSv${version}`)
    assert.deepEqual(certificate, chain[0]?.der)
  }
  return { token, rootFile, chainFile, greeter, assertGreeted }
}

for (const version of VERSIONS) {
  test(`curl does mutual TLS ${version} with the key in the chip`, async (context) => {
    const { token, rootFile, chainFile, greeter, assertGreeted } = await newBench(context, version)
    const key = ['--engine', 'pkcs11', '--key-type', 'ENG', '--key', `${token.keyUri};type=private`]
    const url = `https://localhost:${greeter.port}/`
    await assertGreeted(await token.use('curl', '-sS', '--cacert', rootFile, '--cert', chainFile, ...key, url))
  })

  test(`Node's tls does mutual TLS ${version} with privateKeyEngine and the key in the chip`, async (context) => {
    const { token, rootFile, chainFile, greeter, assertGreeted } = await newBench(context, version)
    const script = join(token.folder, 'client.mjs')
    writeFileSync(script, NODE_CLIENT)
    const words = [String(greeter.port), rootFile, chainFile, `${token.keyUri};type=private`]
    // A process of its own: OpenSSL's engine holds its thread up until the token has signed.
    await assertGreeted(await token.use(process.execPath, script, ...words))
  })

  test(`Java's SunPKCS11 does mutual TLS ${version} with the key in the chip`, async (context) => {
    const without = javaIsAbsent()
    if (without !== undefined) return context.skip(without)
    // It reads no token that holds a certificate without a subject, as the vendor's is.
    const { token, rootFile, greeter, assertGreeted } = await newBench(context, version, '--no-vendor')
    const file = (name: string): string => join(token.folder, name)
    writeFileSync(file('pkcs11.cfg'), `name = birthmark\nlibrary = ${token.module}\nslotListIndex = 0\n`)
    writeFileSync(file('Client.java'), JAVA_CLIENT)
    const words = ['-XX:TieredStopAtLevel=1', file('Client.java'), file('pkcs11.cfg'), rootFile, String(greeter.port)]
    await assertGreeted(await token.use('java', ...words))
  })

  test(`gnutls-cli does mutual TLS ${version} with gnutls-serv and the key in the chip`, async (context) => {
    const token = await newServedToken(context)
    const authority = await newTlsAuthority()
    const chainFile = await token.install(await authority.certify(token.signer.publicKey))
    const server = await authority.server()
    const file = (name: string, content: string): string => {
      writeFileSync(join(token.folder, name), content)
      return join(token.folder, name)
    }
    const rootFile = file('root.pem', authority.root.toPem())
    const port = await steadyPort()
    const own = ['--x509certfile', file('server.pem', server.cert), '--x509keyfile', plainKey(file, server)]
    const demand = ['--require-client-cert', '--verify-client-cert', '--x509cafile', rootFile]
    const foreign = startForeignServer(context, 'gnutls-serv', ['-p', String(port), '--echo', ...own, ...demand])
    // It says where before it does.
    await foreign.says(/listening on IPv4.*done/)
    const identity = ['--x509keyfile', `${token.keyUri};type=private`, '--x509certfile', chainFile]
    const how = ['--priority', `NORMAL:-VERS-ALL:+VERS-TLS${version}`, '--x509cafile', rootFile]
    const words = ['--provider', token.module, ...identity, ...how, '-p', String(port), 'localhost']
    const client = startForeignServer(context, 'gnutls-cli', words, token.environment)
    await client.says(/Handshake was completed/)
    client.type('a word with you')
    await client.says(/^a word with you/m)
    assert.match(client.output, new RegExp(`TLS${version}`))
    await foreign.says(/Certificate\[0\] info|subject `/)
  })
}

test('p11tool lists the token and has its key sign', async (context) => {
  const { token } = await newBench(context, '1.3')
  const p11tool = (...words: readonly string[]): Promise<string> =>
    token.use('p11tool', '--provider', token.module, ...words)
  assert.match(await p11tool('--list-tokens'), new RegExp(`Label: ${token.label}`))
  const listed = await p11tool('--list-all', `pkcs11:token=${token.label}`)
  assert.match(listed, new RegExp(`id=%${TOKEN_KEY.id};object=${TOKEN_KEY.label};type=private`))
  assert.match(await p11tool('--test-sign', `${token.keyUri};type=private`), /Signing using.*ok[^]*Verifying.*ok/i)
})

/** GnuTLS's server reads a key without a passphrase only. */
function plainKey(
  file: (name: string, content: string) => string,
  server: { readonly key: string; readonly passphrase: string },
): string {
  const encrypted = file('server.key', server.key)
  const words = ['pkey', '-in', encrypted, '-passin', `pass:${server.passphrase}`]
  return file('server.plain.key', spawnSync('openssl', words, { encoding: 'utf8' }).stdout)
}

/** Why there is no Java here; `undefined` when there is. */
function javaIsAbsent(): string | undefined {
  const { error, status } = spawnSync('javac', ['-version'], { stdio: 'ignore' })
  if (error === undefined && status === 0) return undefined
  return 'there is no JDK on this machine (Debian package default-jdk-headless)'
}

const NODE_CLIENT = `
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
const [, , port, root, chain, key] = process.argv
connect({
  host: 'localhost',
  port: Number(port),
  ca: readFileSync(root),
  cert: readFileSync(chain),
  privateKeyEngine: 'pkcs11',
  privateKeyIdentifier: key,
}).pipe(process.stdout)
`

const JAVA_CLIENT = `
import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class Client {
  public static void main(String[] words) throws Exception {
    Provider provider = Security.getProvider("SunPKCS11").configure(words[0]);
    Security.addProvider(provider);
    KeyStore token = KeyStore.getInstance("PKCS11", provider);
    token.load(null, null);
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(token, null);
    KeyStore roots = KeyStore.getInstance(KeyStore.getDefaultType());
    roots.load(null, null);
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    roots.setCertificateEntry("root", factory.generateCertificate(new FileInputStream(words[1])));
    TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
    trust.init(roots);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", Integer.parseInt(words[2]));
    System.out.write(socket.getInputStream().readAllBytes());
    System.out.flush();
  }
}
`
