/** A member of a JSON document. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Members of the sections of a template; what is given replaces the section's own. */
export interface TemplateParts {
  readonly parameters?: Json
  readonly mappings?: Json
  readonly thing?: Json
  readonly thingOverrides?: Json
  readonly certificate?: Json
  readonly certificateOverrides?: Json
  readonly policy?: Json
  readonly configuration?: Json
}

/** Writes a JITP template: a thing named as the common name, the certificate active, one policy by name. */
export function templateText(parts: TemplateParts = {}): string {
  return JSON.stringify({
    Parameters: parts.parameters ?? { [COMMON_NAME]: { Type: 'String' }, [SERIAL]: { Type: 'String' } },
    ...(parts.mappings === undefined ? {} : { Mappings: parts.mappings }),
    Resources: {
      thing: {
        Type: 'AWS::IoT::Thing',
        Properties: parts.thing ?? { ThingName: { Ref: COMMON_NAME }, AttributePayload: { sn: { Ref: SERIAL } } },
        ...(parts.thingOverrides === undefined ? {} : { OverrideSettings: parts.thingOverrides }),
      },
      certificate: {
        Type: 'AWS::IoT::Certificate',
        Properties: parts.certificate ?? { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
        ...(parts.certificateOverrides === undefined ? {} : { OverrideSettings: parts.certificateOverrides }),
      },
      policy: { Type: 'AWS::IoT::Policy', Properties: parts.policy ?? { PolicyName: 'meter-policy' } },
    },
    ...(parts.configuration === undefined ? {} : { DeviceConfiguration: parts.configuration }),
  })
}

/** A policy document that binds a device to its own topics. */
export const DOCUMENT: { readonly [name: string]: Json } = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'iot:Connect',
      Resource: 'arn:aws:iot:eu-central-1:111122223333:client/${iot:Connection.Thing.ThingName}',
    },
  ],
}

/** Parameters that take their value from the subject. */
export const COMMON_NAME = 'AWS::IoT::Certificate::CommonName'
export const SERIAL = 'AWS::IoT::Certificate::SerialNumber'
