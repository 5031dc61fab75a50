import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateAuthorizerCommand, type CreateAuthorizerCommandInput } from '@aws-sdk/client-iot'
import { type Done, runProgram } from '../testkit/run-program.ts'
import type { Lab, LabFault } from './lab.ts'

const GOOD = `({ isAuthenticated: true, principalId: 'lab', policyDocuments: [] })`

/** Faults of clients that ask for a custom authorizer, and of the functions behind it. */
export const AUTHORIZER_FAULTS: readonly LabFault[] = [
  {
    fault: 'it names a custom authorizer that is not there',
    client: 'mosquitto_pub',
    code: 'AUTHORIZER_UNKNOWN',
    says: /there is no authorizer nobodys/,
    make: (lab) => askFor(lab, 'nobodys'),
  },
  {
    fault: 'it offers the protocol mqtt and names no custom authorizer, and there is no default one',
    client: 'mosquitto_pub',
    code: 'AUTHORIZER_UNKNOWN',
    says: /the client names none, and neither its domain nor the account has a default one/,
    make: (lab) => runProgram('mosquitto_pub', [...words(lab), '-u', 'user', '-P', 'password']),
  },
  {
    fault: 'its custom authorizer is INACTIVE',
    client: 'mosquitto_pub',
    code: 'AUTHORIZER_INACTIVE',
    says: /the authorizer lab-\d+ is INACTIVE/,
    make: async (lab) => askFor(lab, await newAuthorizer(lab, `() => ${GOOD}`, { status: 'INACTIVE' })),
  },
  {
    fault: 'its token has the signature of another token',
    client: 'mosquitto_pub',
    code: 'AUTHORIZER_SIGNATURE_REFUSED',
    says: /the signature of the token is by none of its tokenSigningPublicKeys/,
    make: async (lab) => {
      const { name, signature } = await newSigned(lab)
      const signed = `x-amz-customauthorizer-signature=${encodeURIComponent(signature)}`
      return askFor(lab, name, `&${signed}&token=b`)
    },
  },
  {
    fault: 'it sends no token to a custom authorizer whose tokens are signed',
    client: 'curl',
    code: 'AUTHORIZER_SIGNATURE_REFUSED',
    says: /the client sends no token as token/,
    make: async (lab) => {
      const { name } = await newSigned(lab)
      const url = `https://localhost:${lab.cloud.httpsPort}/topics/lab?x-amz-customauthorizer-name=${name}`
      return runProgram('curl', ['-sS', '--cacert', lab.cloud.rootPath, '-d', 'x', url])
    },
  },
  ...(
    [
      [
        'refuses it',
        'AUTHORIZER_REFUSED',
        /isAuthenticated: false/,
        '() => Promise.resolve({ isAuthenticated: false })',
      ],
      ['throws', 'AUTHORIZER_FAILED', /no such table/, "async () => { throw new Error('no such table') }"],
      ['is slow', 'AUTHORIZER_FAILED', /did not answer in time/, '() => new Promise((r) => setTimeout(r, 60000))'],
      [
        'gives no principal',
        'AUTHORIZER_FAILED',
        /answered wrongly: principalId is not/,
        'async () => ({ isAuthenticated: true })',
      ],
      [
        'gives no policy that can be read',
        'AUTHORIZER_FAILED',
        /answered wrongly: policyDocuments\[0\] is no policy/,
        `async () => ({ ...${GOOD}, policyDocuments: [{ Statement: 'all' }] })`,
      ],
      ['lets it do nothing', 'POLICY_DENIED_CONNECT', /iot:Connect on .* is denied/, `async () => ${GOOD}`],
    ] as const
  ).map(
    ([what, code, says, handler]): LabFault => ({
      fault: `the function of its custom authorizer ${what}`,
      client: 'mosquitto_pub',
      code,
      says,
      make: async (lab) => askFor(lab, await newAuthorizer(lab, handler)),
    }),
  ),
]

function words({ cloud }: Lab): readonly string[] {
  const where = ['-h', 'localhost', '-p', String(cloud.httpsPort), '--cafile', cloud.rootPath, '--tls-alpn', 'mqtt']
  return [...where, '-i', 'asking', '-t', 'lab/asks', '-m', 'x']
}

/** `mosquitto_pub` that names an authorizer in its user name. */
async function askFor(lab: Lab, name: string, more = ''): Promise<Done> {
  await lab.mark()
  return runProgram('mosquitto_pub', [...words(lab), '-u', `user?x-amz-customauthorizer-name=${name}${more}`])
}

/** Makes an authorizer whose tokens are signed, and gives the signature of the token `a`. */
async function newSigned(lab: Lab): Promise<{ readonly name: string; readonly signature: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const name = await newAuthorizer(lab, `async () => ${GOOD}`, {
    signingDisabled: false,
    tokenKeyName: 'token',
    tokenSigningPublicKeys: { only: String(publicKey.export({ type: 'spki', format: 'pem' })) },
  })
  return { name, signature: sign('sha256', Buffer.from('a'), privateKey).toString('base64') }
}

/** Makes an authorizer with a function of its own, ACTIVE and without signatures unless told otherwise. */
async function newAuthorizer(
  lab: Lab,
  handler: string,
  change: Partial<CreateAuthorizerCommandInput> = {},
): Promise<string> {
  const authorizerName = `lab-${++made}`
  const file = join(lab.cloud.folder, `${authorizerName}.mjs`)
  writeFileSync(file, `export const handler = ${handler}\n`)
  await lab.birthmark('functions', 'add', authorizerName, '--module', file, '--timeout', '20')
  const authorizerFunctionArn = `arn:aws:lambda:${lab.cloud.region}:${lab.cloud.account}:function:${authorizerName}`
  await lab.cloud.iot.send(
    new CreateAuthorizerCommand({
      authorizerName,
      authorizerFunctionArn,
      status: 'ACTIVE',
      signingDisabled: true,
      ...change,
    }),
  )
  return authorizerName
}

let made = 0
