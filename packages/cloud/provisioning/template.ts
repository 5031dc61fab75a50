import type { DocumentExpression, Expression, ListExpression } from './expression.ts'

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

/** A value of a template and where it stands: JSON path, line and column, for what is found out when it is run. */
export interface Placed<Value = Expression> {
  readonly value: Value
  readonly path: string
}

/** The resource of type `AWS::IoT::Thing`. */
export interface ThingResource {
  readonly logicalName: string
  readonly name: Placed
  readonly attributes: ReadonlyMap<string, Placed> | undefined
  readonly typeName: Placed | undefined
  /** Names of static thing groups. */
  readonly groups: Placed<ListExpression> | undefined
  readonly billingGroup: Placed | undefined
  readonly override: {
    readonly attributes: Override | 'MERGE'
    readonly typeName: Override
    readonly groups: Override | 'MERGE'
  }
}

/** The resource of type `AWS::IoT::Certificate`. */
export interface CertificateResource {
  readonly logicalName: string
  readonly source: CertificateSource
  /** `ACTIVE` or `INACTIVE`, in any case of letters. */
  readonly status: Placed
  /** `EXCLUSIVE_THING` or `NON_EXCLUSIVE_THING`; `undefined` when the template leaves it to what exists. */
  readonly principalType: Placed | undefined
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
  readonly policy:
    | { readonly by: 'name'; readonly name: Placed }
    | { readonly by: 'document'; readonly document: Placed<DocumentExpression> }
}
