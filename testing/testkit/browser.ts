/** The system's Chromium without a screen, driven over its own protocol (Chrome DevTools Protocol). */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** A page in a browser. */
export interface BrowserPage {
  /** Runs an expression in the page and gives its value; a promise is waited for. */
  evaluate(expression: string): Promise<unknown>
  /** Waits until an expression is true. */
  until(expression: string): Promise<void>
  /** Takes a picture of the whole page, PNG. */
  screenshot(): Promise<Buffer>
}

/** Opens a page, with a script that runs before its own; browser and profile go with the test. */
export async function openPage(context: TestContext, url: string, before = ''): Promise<BrowserPage> {
  const profile = mkdtempSync(join(tmpdir(), 'birthmark-browser-'))
  const words = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0']
  const child = spawn('chromium', [...words, `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, HOME: profile },
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  context.after(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  const protocol = await Protocol.open(await addressSaidBy(child.stderr))
  context.after(() => protocol.close())
  const { targetId } = await protocol.send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await protocol.send('Target.attachToTarget', { targetId, flatten: true })
  const send = (method: string, parameters: object = {}): Promise<Answer> =>
    protocol.send(method, parameters, String(sessionId))
  await send('Page.enable')
  await send('Page.addScriptToEvaluateOnNewDocument', { source: before })
  await send('Page.navigate', { url })
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result, exceptionDetails } = await send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails))
    return { ...Object(result) }.value
  }
  return {
    evaluate,
    until: async (expression) => {
      while ((await evaluate(expression).catch(() => false)) !== true) await new Promise((go) => setTimeout(go, 50))
    },
    screenshot: async () => {
      const { data } = await send('Page.captureScreenshot', { captureBeyondViewport: true })
      return Buffer.from(String(data), 'base64')
    },
  }
}

type Answer = Readonly<Record<string, unknown>>

class Protocol {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>()
  #last = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => {
      const { id, result, error }: { id?: number; result?: Answer; error?: { message: string } } = JSON.parse(
        String(data),
      )
      const waiting = this.#waiting.get(id ?? 0)
      if (error !== undefined) waiting?.reject(new Error(error.message))
      else waiting?.resolve(result ?? {})
    })
  }

  static async open(url: string): Promise<Protocol> {
    const socket = new WebSocket(url)
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve)
      socket.addEventListener('error', reject)
    })
    return new Protocol(socket)
  }

  send(method: string, params: object, sessionId?: string): Promise<Answer> {
    this.#last += 1
    const id = this.#last
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.#socket.close()
  }
}

async function addressSaidBy(stderr: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(stderr)) {
    const [, address] = /^DevTools listening on (ws:\S+)/.exec(line) ?? []
    if (address !== undefined) {
      stderr.resume()
      return address
    }
  }
  throw new Error('chromium ended before it was ready')
}
