import { invalidRequest, notFound } from '../exceptions.ts'
import { save } from './function-operations.ts'
import type { OwnCall, OwnOperation } from './operation.ts'
import { planAnswer } from './plan.ts'

/** Allow-lists of fleet provisioning, and what a template would do. */
export const PROVISIONING_OPERATIONS: readonly OwnOperation[] = [
  {
    name: 'ReadAllowLists',
    method: 'GET',
    path: '/v1/allow-lists',
    summary: 'Lists the allow-lists, with the number of their values and of those that were used.',
    changes: false,
    fields: {},
    answers: { allowLists: 'each with name, templateName, parameter, once, createdAt, values, used' },
    async perform({ registry: { provisioning } }) {
      const lists = await provisioning.allowLists()
      const views = lists.map(async (list) => ({ ...list, ...(await provisioning.countAllowed(list.name)) }))
      return { allowLists: await Promise.all(views) }
    },
  },
  {
    name: 'CreateAllowList',
    method: 'POST',
    path: '/v1/allow-lists',
    summary: 'Makes an allow-list: from now on only its values pass for that parameter of the template.',
    changes: true,
    fields: {
      name: { type: 'string', required: true, description: '1 to 64 of a-z A-Z 0-9 _ -' },
      templateName: { type: 'string', required: true, description: 'a template of type FLEET_PROVISIONING' },
      parameter: { type: 'string', required: true, description: 'the parameter that is looked up' },
      reusable: { type: 'boolean', description: 'whether a value may provision more than one certificate' },
    },
    answers: {},
    perform: createAllowList,
  },
  {
    name: 'AllowValues',
    method: 'POST',
    path: '/v1/allow-lists/{name}',
    summary: 'Adds values to an allow-list; one that was used may be used again.',
    changes: true,
    fields: { values: { type: 'strings', required: true, description: 'at most 1000, each of 1 to 4096 characters' } },
    answers: { values: 'how many were given' },
    perform: allowValues,
  },
  {
    name: 'DeleteAllowList',
    method: 'DELETE',
    path: '/v1/allow-lists/{name}',
    summary: 'Deletes an allow-list with its values: the parameter is checked no more.',
    changes: true,
    fields: {},
    answers: {},
    async perform(call) {
      await save(call, { do: 'delete-allow-list', name: call.label })
      return {}
    },
  },
  {
    name: 'ReadPlan',
    method: 'POST',
    path: '/v1/provisioning/plan',
    summary: 'Tells what a template would do for a certificate, and does nothing of it.',
    changes: false,
    fields: {
      templateName: { type: 'string', description: 'a template that is kept; or give templateBody' },
      templateBody: { type: 'string', description: 'the text of a template' },
      type: {
        type: 'string',
        values: ['FLEET_PROVISIONING', 'JITP', 'REGISTER_THING'],
        description: 'what templateBody is for; FLEET_PROVISIONING when absent',
      },
      parameters: { type: 'object', description: 'texts by name' },
      certificateId: { type: 'string', description: 'a certificate that is registered' },
      certificatePem: { type: 'string', description: 'one that is not; without either, a new one' },
    },
    answers: {
      differences: 'one line for each change: + new, ~ other, - gone; none when all is there',
      explanation: 'one line for each decision',
      thingName: 'the thing, if the template has one',
      status: "the certificate's status afterwards",
      resourceArns: 'by logical name',
      deviceConfiguration: 'what the device would be sent',
    },
    perform: planAnswer,
  },
]

async function createAllowList(call: OwnCall): Promise<object> {
  const { given, registry } = call
  const [name = '', templateName = '', parameter = ''] = [
    given.text('name'),
    given.text('templateName'),
    given.text('parameter'),
  ]
  if (!/^[\w-]{1,64}$/.test(name))
    throw invalidRequest('The name of an allow-list has 1 to 64 letters, digits, _ and -.')
  const template = await registry.template(templateName)
  if (template === undefined) throw notFound(`The provisioning template does not exist (name=${templateName})`)
  const list = { name, templateName, parameter, once: !given.flag('reusable'), createdAt: call.now }
  await save(call, { do: 'create-allow-list', list })
  return {}
}

async function allowValues(call: OwnCall): Promise<object> {
  const values = call.given.texts('values')
  const isRight = values.every((value) => value !== '' && value.length <= VALUE_CHARACTERS_MAX)
  if (!isRight || values.length > VALUES_MAX) {
    throw invalidRequest(`values has at most ${VALUES_MAX} texts of 1 to ${VALUE_CHARACTERS_MAX} characters.`)
  }
  await save(call, { do: 'allow-values', list: call.label, values })
  return { values: values.length }
}

/** Values in one request, about 100 KB: an import sends as many requests as it needs. */
const VALUES_MAX = 1000
/** Longest value (AWS IoT API, RegisterThing: values of 4096 characters). */
const VALUE_CHARACTERS_MAX = 4096
