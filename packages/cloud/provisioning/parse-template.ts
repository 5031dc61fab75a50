import { provisioningFault } from './faults.ts'
import { parseJsonText } from './json-text.ts'
import { type Declarations, parseExpression } from './parse-expression.ts'
import { parseResources } from './parse-resources.ts'
import { Place } from './place.ts'
import { CERTIFICATE_ID_PARAMETER, SUBJECT_PARAMETERS } from './subject-parameters.ts'
import type { Mappings, ProvisioningTemplate, TemplateKind } from './template.ts'

/**
 * Reads a provisioning template (AWS IoT Core developer guide, Provisioning templates). Strict: what is unknown, given
 * twice or cannot be provisioned yet is refused, each fault with JSON path and line.
 *
 * @param text JSON, at most {@link TEMPLATE_CHARACTERS_MAX} characters.
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `TEMPLATE_` (caller)
 */
export function parseTemplate(text: string, kind: TemplateKind): ProvisioningTemplate {
  if (text.length > TEMPLATE_CHARACTERS_MAX) {
    throw provisioningFault('TEMPLATE_TOO_LONG', { length: text.length, max: TEMPLATE_CHARACTERS_MAX })
  }
  const root = new Place(parseJsonText(text), '$').only(['Parameters', 'Resources', 'Mappings', 'DeviceConfiguration'])
  const parameters = parseParameters(root.member('Parameters'), kind)
  const mappings = parseMappings(root.member('Mappings'))
  const declared: Declarations = {
    parameters: new Set([...parameters.keys(), CERTIFICATE_ID_PARAMETER]),
    mappings,
    inPolicy: false,
  }
  const configuration = root.member('DeviceConfiguration')?.members() ?? []
  return {
    kind,
    parameters,
    mappings,
    ...parseResources(root.required('Resources'), kind, declared),
    deviceConfiguration: new Map(configuration.map(([name, value]) => [name, parseExpression(value, declared)])),
  }
}

function parseParameters(place: Place | undefined, kind: TemplateKind): ReadonlyMap<string, string | undefined> {
  const parameters = new Map<string, string | undefined>()
  for (const [name, declaration] of place?.members() ?? []) {
    declaration.only(['Type', 'Default']).required('Type').oneOf(['String'])
    const preset = declaration.member('Default')?.text()
    if (kind === 'JITP' && preset === undefined && !CONNECTION_PARAMETERS.includes(name)) {
      throw declaration.fault('TEMPLATE_PARAMETER_UNAVAILABLE', { known: CONNECTION_PARAMETERS.join(', ') })
    }
    parameters.set(name, preset)
  }
  return parameters
}

/** Mappings hold literal texts only: no Ref, no functions. */
function parseMappings(place: Place | undefined): Mappings {
  return mapOf(place, (map) => mapOf(map, (key) => mapOf(key, (value) => value.text())))
}

function mapOf<Value>(place: Place | undefined, parse: (member: Place) => Value): ReadonlyMap<string, Value> {
  return new Map((place?.members() ?? []).map(([name, member]) => [name, parse(member)]))
}

/** Everything that has a value when a device connects for the first time. */
const CONNECTION_PARAMETERS: readonly string[] = [CERTIFICATE_ID_PARAMETER, ...SUBJECT_PARAMETERS.keys()]

/** Longest template, in characters (AWS IoT API, templateBody: 10,240). At the limit: `TEMPLATE_TOO_LONG`. */
export const TEMPLATE_CHARACTERS_MAX = 10_240
