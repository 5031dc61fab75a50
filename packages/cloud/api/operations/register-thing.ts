import { parseTemplate } from '@birthmark/cloud/provisioning'
import { AwsException, invalidRequest, notFound } from '../exceptions.ts'
import type { Call, Operations } from '../operation-types.ts'
import { registerThing } from '../register-thing.ts'
import { isUnderWay, type RegistrationTask, readTask, writeTask } from '../tasks/task.ts'
import { commit } from './conflicts.ts'
import { nextToken, pageOf, pageRequest } from './pages.ts'
import { newUuid } from './values.ts'

/** Things with certificate and policies by a template: one, or as many as a file has lines. */
export const registerThingOperations: Partial<Operations> = {
  async RegisterThing({ templateBody, parameters }, call) {
    const { certificatePem, resourceArns } = await registerThing(templateBody, parametersOf(parameters), call)
    return { certificatePem, resourceArns: { ...resourceArns } }
  },

  async StartThingRegistrationTask(input, call) {
    const { templateBody, inputFileBucket, inputFileKey, roleArn } = input
    const { tasks, registry, now } = call
    if (tasks === undefined) throw new AwsException('NotImplementedException', 'This server runs no tasks.')
    parseTemplate(templateBody, 'REGISTER_THING')
    const others = await tasksOf(call)
    if (others.some(isUnderWay)) throw invalidRequest('Another registration task of this account is in progress.')
    const task: RegistrationTask = {
      taskId: newUuid(call.entropy),
      status: 'InProgress',
      message: undefined,
      templateBody,
      inputFileBucket,
      inputFileKey,
      roleArn,
      createdAt: now,
      modifiedAt: now,
      lines: 0,
      bytes: 0,
      size: 0,
      successes: 0,
      failures: 0,
      results: [],
      errors: [],
    }
    const document = { kind: 'registration-task', name: task.taskId, body: writeTask(task), createdAt: now } as const
    await commit(call, { do: 'create-document', document })
    for (const old of others.filter(({ createdAt }) => createdAt < now - TASK_AGE_MAX)) {
      await commit(call, { do: 'delete-document', kind: 'registration-task', name: old.taskId })
      await tasks.forget(old)
    }
    tasks.start(registry.scope, task)
    return { taskId: task.taskId }
  },

  async DescribeThingRegistrationTask({ taskId }, call) {
    const task = await taskNamed(taskId, call)
    const { status, message, templateBody, inputFileBucket, inputFileKey, roleArn, successes, failures } = task
    const share = task.size === 0 ? 0 : Math.floor((100 * task.bytes) / task.size)
    return {
      taskId,
      creationDate: new Date(task.createdAt),
      lastModifiedDate: new Date(task.modifiedAt),
      templateBody,
      inputFileBucket,
      inputFileKey,
      roleArn,
      status,
      message,
      successCount: successes,
      failureCount: failures,
      percentageProgress: status === 'Completed' ? 100 : Math.min(share, 100),
    }
  },

  async StopThingRegistrationTask({ taskId }, call) {
    const task = await taskNamed(taskId, call)
    if (!isUnderWay(task)) throw invalidRequest(`The task ${taskId} is ${task.status}.`)
    const body = writeTask({ ...task, status: 'Cancelling', modifiedAt: call.now })
    await commit(call, { do: 'replace-document', kind: 'registration-task', name: taskId, body })
    return {}
  },

  async ListThingRegistrationTasks(input, call) {
    const wanted = (await tasksOf(call)).filter(({ status }) => input.status === undefined || status === input.status)
    const page = pageOf(wanted, ({ taskId }) => taskId, pageRequest(input))
    return { taskIds: page.rows.map(({ taskId }) => taskId), nextToken: nextToken(page) }
  },

  async ListThingRegistrationTaskReports(input, call) {
    const task = await taskNamed(input.taskId, call)
    const parts = input.reportType === 'ERRORS' ? task.errors : task.results
    const page = pageOf(parts, ({ token }) => token, pageRequest(input))
    const address = call.controlUrl?.() ?? ''
    const resourceLinks = page.rows.map(({ token }) => `${address}/v1/reports/${token}`)
    return { resourceLinks, reportType: input.reportType, nextToken: nextToken(page) }
  },
}

async function tasksOf({ registry }: Call): Promise<readonly RegistrationTask[]> {
  return (await registry.provisioning.documents('registration-task')).map(({ body }) => readTask(body))
}

async function taskNamed(taskId: string, { registry }: Call): Promise<RegistrationTask> {
  const document = await registry.provisioning.document('registration-task', taskId)
  if (document === undefined) throw notFound(`The task does not exist (id=${taskId})`)
  return readTask(document.body)
}

function parametersOf(parameters: Readonly<Record<string, string>> | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(parameters ?? {}))
}

/** How long tasks are kept, in milliseconds (AWS IoT quotas: 30 days). */
const TASK_AGE_MAX = 30 * 24 * 3_600_000
