/** What tells people of alarms who are elsewhere. */
export { Webhook, type WebhookOptions } from './webhook.ts'
