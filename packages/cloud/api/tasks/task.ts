import type { Scope } from '@birthmark/cloud/registry'

/** A bulk registration task, as it is kept. */
export interface RegistrationTask {
  readonly taskId: string
  readonly status: 'InProgress' | 'Completed' | 'Failed' | 'Cancelled' | 'Cancelling'
  readonly message: string | undefined
  readonly templateBody: string
  readonly inputFileBucket: string
  readonly inputFileKey: string
  readonly roleArn: string
  /** Milliseconds. */
  readonly createdAt: number
  readonly modifiedAt: number
  /** Lines of the input that were worked through, and its bytes up to there. */
  readonly lines: number
  readonly bytes: number
  /** Bytes of the whole input. */
  readonly size: number
  readonly successes: number
  readonly failures: number
  /** Bytes that are valid of each report; what is behind them was not committed. */
  readonly results: readonly ReportPart[]
  readonly errors: readonly ReportPart[]
}

/** One file of a report. Its name cannot be guessed: whoever has the link may read it. */
export interface ReportPart {
  readonly token: string
  readonly bytes: number
}

/** Runs tasks that are kept. */
export interface TaskRunner {
  /** Begins or goes on with a task. */
  start(scope: Scope, task: RegistrationTask): void
  /** Removes the reports of a task. */
  forget(task: RegistrationTask): Promise<void>
  /** Gives a part of a report to whoever has its token; `undefined` when there is none. */
  report(token: string): Promise<Uint8Array | undefined>
}

/** Reads a task that {@link writeTask} wrote. */
export function readTask(body: string): RegistrationTask {
  const task: RegistrationTask = JSON.parse(body)
  return task
}

/** Writes a task as it is kept. */
export function writeTask(task: RegistrationTask): string {
  return JSON.stringify(task)
}

/** Tells whether a task is not over. */
export function isUnderWay({ status }: RegistrationTask): boolean {
  return status === 'InProgress' || status === 'Cancelling'
}
