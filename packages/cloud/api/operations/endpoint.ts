import { AwsException, invalidRequest } from '../exceptions.ts'
import type { Operations } from '../operation-types.ts'

/** Where devices connect. */
export const endpointOperations: Partial<Operations> = {
  async DescribeEndpoint({ endpointType = 'iot:Data' }, { endpointAddress, registry }) {
    if (!ENDPOINT_TYPES.has(endpointType))
      throw invalidRequest(`Endpoint type ${endpointType.slice(0, 64)} is not valid.`)
    if (ENDPOINT_TYPES.get(endpointType) === false) {
      throw new AwsException('NotImplementedException', `The endpoint type ${endpointType} is not implemented.`)
    }
    return { endpointAddress: endpointAddress(registry.scope) }
  },
}

/** AWS's endpoint types, and whether they are served here; one host name serves them all. */
const ENDPOINT_TYPES: ReadonlyMap<string, boolean> = new Map([
  ['iot:Data', true],
  ['iot:Data-ATS', true],
  ['iot:Data-Beta', false],
  ['iot:CredentialProvider', false],
  ['iot:Jobs', false],
  ['iot:DeviceAdvisor', false],
])
