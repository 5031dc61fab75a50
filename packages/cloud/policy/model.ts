/** An access that somebody wants: the field's action and resource, as text. */
export interface AccessRequest {
  readonly action: PolicyAction | ControlAction
  /** For example `arn:aws:iot:eu-central-1:123456789012:topic/dt/press-7/temperature`. */
  readonly resource: string
}

/** Actions that the front decides on (AWS IoT developer guide, policy actions). */
export type PolicyAction = 'iot:Connect' | 'iot:Publish' | 'iot:RetainPublish' | 'iot:Subscribe' | 'iot:Receive'

/** An action of a control plane, for example `iot:CreateThing`. */
export type ControlAction = `${string}:${string}`

/** What the policy variables of one connection stand for. Everything is known at CONNECT and fixed after it. */
export interface PolicyContext {
  readonly clientId: string | undefined
  readonly sourceIp: string | undefined
  readonly certificateId: string | undefined
  /** The thing whose name is the client id and that has this certificate, or the certificate's exclusive thing. */
  readonly thing: PolicyThing | undefined
  readonly certificate: PolicyCertificate | undefined
  /** `PersistentConnect`, `LastWill`: the features this CONNECT uses. */
  readonly connectAttributes: readonly string[]
  /** ARN of the will's topic. */
  readonly lastWillTopic: string | undefined
}

/** What policies can know about a connection's thing. */
export interface PolicyThing {
  readonly name: string
  readonly typeName: string | undefined
  readonly attributes: Readonly<Record<string, string>>
}

/** The names in a certificate, by the variable's last part (`CommonName`, `Organization`, …), all values in order. */
export interface PolicyCertificate {
  readonly subject: Readonly<Record<string, readonly string[]>>
  readonly issuer: Readonly<Record<string, readonly string[]>>
  /** By `DNSName`, `RFC822Name`, `DirectoryName`, `UniformResourceIdentifier`, `IPAddress`. */
  readonly subjectAlternativeName: Readonly<Record<string, readonly string[]>>
  readonly issuerAlternativeName: Readonly<Record<string, readonly string[]>>
  /** The certificate's own serial number, lower-case hex. */
  readonly serialNumber: string
}

/** Names one statement of one policy. */
export interface StatementRef {
  readonly policy: string
  /** Position in the document, from 0. */
  readonly index: number
  readonly sid: string | undefined
}

/** The judgement on an {@link AccessRequest}. */
export type Decision =
  | { readonly effect: 'allow'; readonly by: StatementRef }
  | { readonly effect: 'deny'; readonly why: 'explicit-deny'; readonly by: StatementRef }
  | {
      readonly effect: 'deny'
      readonly why: 'no-statement-matched'
      /** How many statements were looked at. */
      readonly considered: number
      /** Statements that came near and the first thing that kept each from matching; at most 5. */
      readonly near: readonly NearMiss[]
    }

/** A statement that names the action but did not match, and why. */
export interface NearMiss {
  readonly statement: StatementRef
  readonly because: 'resource' | 'condition' | 'variable'
  /** The pattern, condition key or variable concerned, for people. */
  readonly detail: string
}
