// What a device does, as JSON, in; MQTT.js doing it out, until its time is over.
//
// usage: node household_client.mjs JSON, which is that of household_client.py, with one login

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const what = JSON.parse(process.argv[2])
const [[clientId, username, password]] = what.logins
const client = mqtt.connect({
  host: what.host,
  port: what.port,
  protocol: 'mqtt',
  protocolVersion: what.version === '5.0' ? 5 : 4,
  ...(clientId ? { clientId } : {}), // else the library makes one up
  ...(username ? { username, password } : {}),
  reconnectPeriod: 0
})
await once(client, 'connect')
await client.publishAsync(what.topic, '21.5', { qos: 1 })
await sleep(1000 * what.seconds)
await client.endAsync()
