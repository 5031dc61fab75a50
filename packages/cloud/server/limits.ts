import { type Millis, seconds } from '@birthmark/foundation/kernel'

/**
 * Connections at a time to each listener of the control plane; a fleet's operators and tools need dozens. Each may hold
 * one request of 256 KiB, so this is 256 MiB. At the limit: a new connection is closed before it says anything.
 */
export const CONTROL_CONNECTIONS_MAX = 1000

/**
 * Time for a TLS handshake, and then for the headers of a request: as long as the front gives devices. At the limit:
 * the connection ends, with status 408 if it spoke HTTP.
 */
export const CONTROL_HEADERS_MAX: Millis = seconds(15)

/**
 * How often the age of the endpoint's certificate is looked at. It lasts for a year and is replaced after eight months;
 * an authority that is away then has four months to come back.
 */
export const ENDPOINT_RENEWAL_CHECK: Millis = seconds(6 * 3600)

/** Time for a whole request: 256 KiB over a slow line take 20 s. At the limit: 408, and the connection ends. */
export const CONTROL_REQUEST_MAX: Millis = seconds(30)

/**
 * Time for a connection to the HTTPS port that does not speak MQTT, whatever it does: all there is to say is that the
 * data plane is not built. At the limit: the connection is closed.
 */
export const DATA_PLANE_CONNECTION_MAX: Millis = seconds(30)
