// Runs one device of the household with MQTT.js, for a given time.
//
// usage: node household_client.mjs JSON, as for household_client.py, with one login

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const settings = JSON.parse(process.argv[2])
const [[clientId, username, password]] = settings.logins
const client = mqtt.connect({
  host: settings.host,
  port: settings.port,
  protocol: 'mqtt',
  protocolVersion: settings.version === '5.0' ? 5 : 4,
  ...(clientId ? { clientId } : {}), // otherwise the library generates one
  ...(username ? { username, password } : {}),
  reconnectPeriod: 0
})
await once(client, 'connect')
await client.publishAsync(settings.topic, '21.5', { qos: 1 })
await sleep(1000 * settings.seconds)
await client.endAsync()
