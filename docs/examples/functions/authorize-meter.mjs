/**
 * A custom authorizer: lets meters in that come with a signed token, which is their name, or with a password. Each may
 * connect by its own name and use the topics below dt/NAME. Written for AWS Lambda; runs there and here as it is.
 */
import { hash, timingSafeEqual } from 'node:crypto'

/** SHA-256 of the password of each meter that has one. */
const PASSWORDS = new Map([['meter-2', '56344e887ecb3ad2a67f4defd6d799be0af40b7782dfc608fc498ed3f28d7fa7']])

export const handler = async ({ token, signatureVerified, protocolData }, { invokedFunctionArn }) => {
  const meter = signatureVerified ? token : byPassword(protocolData.mqtt)
  if (meter === undefined) return { isAuthenticated: false }
  const [, , , region, account] = invokedFunctionArn.split(':')
  const arn = `arn:aws:iot:${region}:${account}`
  const Statement = [
    { Effect: 'Allow', Action: 'iot:Connect', Resource: `${arn}:client/${meter}` },
    { Effect: 'Allow', Action: ['iot:Publish', 'iot:Receive'], Resource: `${arn}:topic/dt/${meter}/*` },
    { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `${arn}:topicfilter/dt/${meter}/*` },
  ]
  return {
    isAuthenticated: true,
    principalId: meter.replaceAll(/[^a-zA-Z0-9]/g, ''),
    policyDocuments: [{ Version: '2012-10-17', Statement }],
    disconnectAfterInSeconds: 86_400,
    refreshAfterInSeconds: 300,
  }
}

function byPassword({ username = '', password = '' } = {}) {
  const [name] = username.split('?', 1)
  const expected = Buffer.from(PASSWORDS.get(name) ?? '', 'hex')
  const given = hash('sha256', Buffer.from(password, 'base64'), 'buffer')
  return expected.length === given.length && timingSafeEqual(expected, given) ? name : undefined
}
