import { parseTemplate } from '@birthmark/cloud/provisioning'
import type { RegistrationConfig } from '@birthmark/cloud/registry'
import { invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Input } from '../operation-types.ts'

type GivenConfig = Input<'RegisterCACertificate'>['registrationConfig']

/**
 * Reads what is to provision the devices of a CA: a template with its role, or the name of a template for just-in-time
 * provisioning; never both.
 *
 * @throws `InvalidRequestException`, `ResourceNotFoundException`
 */
export async function parseConfig(given: GivenConfig, { registry }: Call): Promise<RegistrationConfig | undefined> {
  if (given === undefined) return undefined
  const { templateBody, roleArn, templateName } = given
  if (templateName !== undefined) {
    if (templateBody !== undefined || roleArn !== undefined) {
      throw invalidRequest('registrationConfig has either templateName or templateBody with roleArn, not both.')
    }
    const template = await registry.template(templateName)
    if (template === undefined) throw notFound(`The provisioning template does not exist (name=${templateName})`)
    if (template.type !== 'JITP') throw invalidRequest(`The provisioning template ${templateName} is not of type JITP.`)
  } else {
    if (templateBody === undefined || roleArn === undefined) {
      throw invalidRequest('registrationConfig needs templateName, or templateBody with roleArn.')
    }
    parseTemplate(templateBody, 'JITP')
  }
  return { templateBody, roleArn, templateName }
}

/** Reads an update of it: `undefined` leaves it as it is, `null` removes it. @throws as {@link parseConfig} */
export async function parseConfigChange(
  {
    registrationConfig,
    removeAutoRegistration,
  }: Pick<Input<'UpdateCACertificate'>, 'registrationConfig' | 'removeAutoRegistration'>,
  call: Call,
): Promise<RegistrationConfig | null | undefined> {
  if (removeAutoRegistration !== true) return parseConfig(registrationConfig, call)
  if (registrationConfig === undefined) return null
  throw invalidRequest('registrationConfig and removeAutoRegistration exclude each other.')
}
