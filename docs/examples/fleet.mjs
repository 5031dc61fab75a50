// Walks a whole fleet with the paginators of AWS's own client, and waits for something with a loop: the client for AWS
// IoT has paginators for every list and no waiters. It is told where to go by AWS_ENDPOINT_URL, AWS_REGION and the key in
// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and works against AWS unchanged.
import {
  DescribeEndpointCommand,
  DescribeThingRegistrationTaskCommand,
  IoTClient,
  paginateListThings,
  paginateListThingRegistrationTasks,
} from '@aws-sdk/client-iot'
import { stdout } from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'

const client = new IoTClient({})
const { endpointAddress } = await client.send(new DescribeEndpointCommand({ endpointType: 'iot:Data-ATS' }))
stdout.write(`Devices connect to ${endpointAddress}.\n`)

let count = 0
for await (const { things = [] } of paginateListThings({ client, pageSize: 100 }, {})) {
  for (const { thingName, thingTypeName = 'no type' } of things) stdout.write(`${thingName}: ${thingTypeName}\n`)
  count += things.length
}
stdout.write(`${count} things.\n`)

for await (const { taskIds = [] } of paginateListThingRegistrationTasks({ client }, { status: 'InProgress' })) {
  for (const taskId of taskIds) {
    let task
    do {
      await wait(1000)
      task = await client.send(new DescribeThingRegistrationTaskCommand({ taskId }))
    } while (task.status === 'InProgress')
    stdout.write(`${taskId}: ${task.status}, ${task.successCount} made, ${task.failureCount} failed.\n`)
  }
}
