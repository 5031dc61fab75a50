import type { DocumentExpression, Expression } from './expression.ts'

/** What a template is for. It decides where its parameters come from and how it names its certificate. */
export type TemplateKind = 'JITP' | 'FLEET_PROVISIONING' | 'REGISTER_THING'

/** A provisioning template that was read: everything in it is known and declared. */
export interface ProvisioningTemplate {
  readonly kind: TemplateKind
  /** The declared parameters by name, each with its `Default`. */
  readonly parameters: ReadonlyMap<string, string | undefined>
  readonly mappings: Mappings
  readonly thing: ThingResource | undefined
  readonly certificate: CertificateResource
  readonly policies: readonly PolicyResource[]
  readonly deviceConfiguration: ReadonlyMap<string, Expression>
}

/** Map, key, name: the value of `Fn::FindInMap`. */
export type Mappings = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, string>>>

/** What happens to a value that exists already (developer guide, Provisioning templates, OverrideSettings). */
export type Override = 'DO_NOTHING' | 'REPLACE' | 'FAIL'

/** The resource of type `AWS::IoT::Thing`. */
export interface ThingResource {
  readonly logicalName: string
  readonly path: string
  readonly name: Expression
  readonly attributes: ReadonlyMap<string, Expression> | undefined
  readonly typeName: Expression | undefined
  readonly override: { readonly attributes: Override | 'MERGE'; readonly typeName: Override }
}

/** The resource of type `AWS::IoT::Certificate`. */
export interface CertificateResource {
  readonly logicalName: string
  readonly path: string
  readonly source: CertificateSource
  /** `ACTIVE` or `INACTIVE`, in any case of letters. */
  readonly status: Expression
  /** `EXCLUSIVE_THING` or `NON_EXCLUSIVE_THING`; `undefined` when the template leaves it to what exists. */
  readonly principalType: Expression | undefined
  readonly override: { readonly status: Override }
}

/** Where the certificate comes from. */
export type CertificateSource =
  | { readonly by: 'id'; readonly id: Expression }
  | { readonly by: 'pem'; readonly pem: Expression; readonly caPem: Expression | undefined }
  | { readonly by: 'csr'; readonly csr: Expression }

/** A resource of type `AWS::IoT::Policy`. */
export interface PolicyResource {
  readonly logicalName: string
  readonly path: string
  readonly policy:
    | { readonly by: 'name'; readonly name: Expression }
    | { readonly by: 'document'; readonly document: DocumentExpression }
}
