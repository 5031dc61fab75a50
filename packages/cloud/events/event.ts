/** One event, ready to be published: as JSON, UTF-8, QoS 1. */
export interface AwsEvent {
  readonly topic: string
  readonly payload: Readonly<Record<string, unknown>>
  /** The client that it is about, where rules may ask for it. */
  readonly clientId?: string | undefined
}
