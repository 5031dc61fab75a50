import { parsePolicyDocument } from '@birthmark/cloud/policy'
import { isFault } from '@birthmark/foundation/kernel'
import { invalidRequest } from '../exceptions.ts'

/** A set of permissions that is ready to use. */
export type RoleName = 'administrator' | 'operator' | 'line' | 'installer' | 'auditor'

/** What a key is made for: a ready role, or permissions of one's own. */
export type Permission =
  | {
      readonly role: RoleName
      /** The templates that an installer may ask claims of; of no meaning to other roles. */
      readonly templates: readonly string[]
    }
  | { readonly role: 'custom'; readonly document: string }

/** The ready roles, in the order of what they may do. */
export const ROLE_NAMES: readonly RoleName[] = ['administrator', 'operator', 'line', 'installer', 'auditor']

/**
 * Gives the permissions of a key as a document of the policy language.
 *
 * @throws `InvalidRequestException` for a document that does not parse, and for an installer without templates
 */
export function roleDocument(permission: Permission): string {
  if (permission.role === 'custom') return ownDocument(permission.document)
  if (permission.role === 'installer') return installerDocument(permission.templates)
  return documentOf(ROLES[permission.role])
}

function ownDocument(document: string): string {
  try {
    parsePolicyDocument(document)
    return document
  } catch (error) {
    if (isFault(error)) throw invalidRequest(`The permissions are no policy: ${error.message}. ${error.remedy}`)
    throw error
  }
}

function installerDocument(templates: readonly string[]): string {
  if (templates.length === 0) throw invalidRequest('An installer needs the names of the templates it may use.')
  const wrong = templates.find((name) => !/^[\w-]{1,36}$/.test(name))
  if (wrong !== undefined) throw invalidRequest(`'${wrong.slice(0, 36)}' is no name of a provisioning template.`)
  const resources = templates.map((name) => `arn:aws:iot:*:*:provisioningtemplate/${name}`)
  return documentOf([
    { Effect: 'Allow', Action: ['iot:CreateProvisioningClaim'], Resource: resources },
    { Effect: 'Allow', Action: ['iot:DescribeEndpoint'], Resource: ['*'] },
  ])
}

interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
}

function documentOf(statements: readonly Statement[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

function allow(...actions: readonly string[]): Statement {
  return { Effect: 'Allow', Action: actions, Resource: ['*'] }
}

const ROLES: Readonly<Record<Exclude<RoleName, 'installer'>, readonly Statement[]>> = {
  administrator: [allow('*')],
  operator: [
    allow('iot:*', 'iotjobsdata:*', 'birthmark:*'),
    { Effect: 'Deny', Action: ['birthmark:*Access*', 'birthmark:*Account*'], Resource: ['*'] },
  ],
  line: [
    allow('iot:RegisterCertificate', 'iot:RegisterCertificateWithoutCA', 'iot:RegisterThing', 'iot:CreateThing'),
    allow('iot:UpdateThing', 'iot:AttachPolicy', 'iot:AttachThingPrincipal', 'iot:AddThingToThingGroup'),
    allow('iot:AddThingToBillingGroup', 'iot:UpdateCertificate', 'iot:DescribeCertificate', 'iot:DescribeThing'),
    allow('iot:DescribeEndpoint', 'iot:ListThingPrincipals', 'iot:ListAttachedPolicies', 'iot:GetPolicy'),
    allow('iot:StartThingRegistrationTask', 'iot:DescribeThingRegistrationTask', 'iot:StopThingRegistrationTask'),
    allow('iot:ListThingRegistrationTasks', 'iot:ListThingRegistrationTaskReports'),
  ],
  auditor: [
    allow('iot:Describe*', 'iot:Get*', 'iot:List*', 'iot:SearchIndex', 'iot:TestAuthorization', 'birthmark:Read*'),
    // Asking for the code makes one when there is none.
    { Effect: 'Deny', Action: ['iot:GetRegistrationCode'], Resource: ['*'] },
  ],
}
