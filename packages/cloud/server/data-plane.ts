import { createServer, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import type { Timers } from '@birthmark/foundation/kernel'
import { DATA_PLANE_CONNECTION_MAX } from './limits.ts'

/**
 * Gives what serves HTTP on a connection that somebody else accepted. The HTTP data plane is not built: every request
 * is told so, and no connection lives longer than {@link DATA_PLANE_CONNECTION_MAX}.
 */
export function createDataPlane(timers: Timers): (socket: Socket) => void {
  const server = createServer(refuse)
  return (socket) => {
    // A server that does not listen itself never looks for requests that are late.
    const cancel = timers.after(DATA_PLANE_CONNECTION_MAX, () => socket.destroy(), { background: true })
    socket.once('close', cancel)
    server.emit('connection', socket)
  }
}

/** Answers in the data plane's own form. */
const refuse: RequestListener = (_request, response) => {
  const type = { 'content-type': 'application/json', 'x-amzn-errortype': 'NotImplementedException' }
  response.writeHead(501, { ...type, connection: 'close' })
  response.end(JSON.stringify({ message: 'The HTTP data plane of this endpoint is not built yet: use MQTT.' }))
}
