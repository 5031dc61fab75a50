import { evaluate } from './evaluate.ts'
import { provisioningFault, quoted } from './faults.ts'
import type { ProvisioningTemplate } from './template.ts'

/** Which certificate a RegisterThing request wants: a registered one, one to register, or one to issue. */
export type WantedCertificate =
  | { readonly by: 'id'; readonly id: string }
  | { readonly by: 'pem'; readonly pem: string; readonly caPem: string | undefined }
  | { readonly by: 'csr'; readonly csr: string }

/**
 * Evaluates what a template says about the origin of its certificate, which has to be there before the rest is planned.
 *
 * @throws the faults of `PROVISIONING_FAULTS` that begin with `PROVISIONING_`
 */
export function wantedCertificate(
  template: ProvisioningTemplate,
  parameters: ReadonlyMap<string, string>,
): WantedCertificate {
  const values = {
    parameter: (name: string): string => {
      const value = parameters.get(name) ?? template.parameters.get(name)
      if (value === undefined) throw provisioningFault('PROVISIONING_PARAMETER_MISSING', { parameter: quoted(name) })
      return value
    },
    mappings: template.mappings,
  }
  const { source } = template.certificate
  switch (source.by) {
    case 'id':
      return { by: 'id', id: evaluate(source.id, values) }
    case 'csr':
      return { by: 'csr', csr: evaluate(source.csr, values) }
    case 'pem':
      return { by: 'pem', pem: evaluate(source.pem, values), caPem: source.caPem && evaluate(source.caPem, values) }
  }
}
