// Runs a named routine with the MQTT.js client library against a server.
//
// usage: node mqttjs_client.mjs ROUTINE HOST PORT VERSION [TRANSPORT]
//
// TRANSPORT is "mqtt" (default) or "ws" (WebSocket, as used by a browser); "mqtts" and "wss" are the
// same inside TLS, configured by the environment variables TLS_FOLDER and TLS_VERSION.
// A routine that others must wait for prints "ready". No client reconnects by itself.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import mqtt from 'mqtt'

const [routine, host, port, version, transport = 'mqtt'] = process.argv.slice(2)
const topic = 'greenhouse/light'
const versions = {
  3.1: { protocolId: 'MQIsdp', protocolVersion: 3 },
  '3.1.1': { protocolId: 'MQTT', protocolVersion: 4 },
  '5.0': { protocolId: 'MQTT', protocolVersion: 5 }
}

const secure = transport.endsWith('s') && transport !== 'ws'
const tls = secure
  ? {
      ca: readFileSync(`${process.env.TLS_FOLDER}/authority.pem`),
      servername: 'mqtt.greenhouse.example',
      minVersion: `TLSv${process.env.TLS_VERSION}`,
      maxVersion: `TLSv${process.env.TLS_VERSION}`
    }
  : {}

function open (clientId, options = {}) {
  const client = mqtt.connect({
    ...tls,
    host: host.includes(':') && transport.startsWith('ws') ? `[${host}]` : host,
    port: Number(port),
    protocol: transport,
    path: '/mqtt?token=made-up-token',
    wsOptions: { ...tls, origin: 'https://greenhouse.example', headers: { 'User-Agent': 'greenhouse-page/1.0' } },
    clientId,
    reconnectPeriod: 0,
    ...versions[version],
    ...options
  })
  client.on('error', error => console.error(`${clientId}: ${error.message}`))
  return client
}

async function connected (clientId, options) {
  const client = open(clientId, options)
  await once(client, 'connect')
  return client
}

// Connects, and disconnects if accepted; the server may refuse the connection.
async function attempt (clientId, options) {
  const client = open(clientId, options)
  const accepted = await Promise.race([
    once(client, 'connect').then(() => true, () => false),
    once(client, 'close').then(() => false, () => false),
    sleep(4000, false)
  ])
  if (accepted) await client.endAsync()
  else client.end(true)
  await sleep(200)
}

const routines = {
  async 'round-trip' () {
    const properties = version === '5.0'
      ? { properties: { topicAliasMaximum: 10, receiveMaximum: 20, userProperties: { site: ['north', 'south'] } } }
      : {}
    const client = await connected('both-ways', properties)
    await client.subscribeAsync('greenhouse/#', { qos: 2 })
    for (const qos of [0, 1, 2]) {
      const arrived = once(client, 'message')
      await client.publishAsync(topic, String(800 + qos), { qos, retain: qos === 1 })
      await arrived
    }
    await client.unsubscribeAsync('greenhouse/#')
    await client.endAsync()
  },

  async 'persistent-session' () {
    const kept = version === '5.0' ? { clean: false, properties: { sessionExpiryInterval: 120 } } : { clean: false }
    const first = await connected('logger', kept)
    await first.subscribeAsync(topic, { qos: 1 })
    await first.endAsync()
    const sensor = await connected('sensor')
    await sensor.publishAsync(topic, '812', { qos: 1 })
    await sensor.endAsync()
    const back = open('logger', kept)
    await once(back, 'message')
    await sleep(200)
    await back.endAsync()
    await (await connected('logger')).endAsync()
    await (await connected('logger', { ...kept, clean: false })).endAsync()
  },

  // The client offers the TLS application protocols (ALPN) that clouds require on port 443.
  async alpn () {
    for (const name of ['mqtt', 'x-amzn-mqtt-ca']) {
      const client = await connected(`by-${name}`, { ALPNProtocols: [name] })
      await client.publishAsync(topic, '810', { qos: 1 })
      await client.endAsync()
    }
  },

  async psk () {
    const known = { psk: Buffer.from('0123456789abcdef0123456789abcdef', 'hex'), identity: 'sensor-psk-1' }
    const client = await connected('by-psk', {
      ca: undefined,
      ciphers: 'PSK',
      checkServerIdentity: () => undefined,
      pskCallback: () => known
    })
    await client.publishAsync(topic, '811', { qos: 1 })
    await client.endAsync()
  },

  // Resumes the TLS session (not the MQTT session) of the first connection.
  async resumption () {
    let session
    const first = open('first')
    first.stream.on('session', given => { session = given })
    await once(first, 'connect')
    await first.publishAsync(topic, '812', { qos: 1 })
    await sleep(200)
    await first.endAsync()
    const second = await connected('second', { session })
    await second.publishAsync(topic, '813', { qos: 1 })
    await second.endAsync()
  },

  async credentials () {
    await attempt('sensor-1', { username: 'greenhouse', password: 'correct-horse' })
    await attempt('sensor-2', { username: 'greenhouse', password: 'wrong-horse' })
    await attempt('sensor-3')
  },

  async 'client-ids' () {
    await attempt('a'.repeat(23))
    await attempt('a'.repeat(24))
    await attempt('a'.repeat(64))
  },

  async 'empty-client-id' () {
    await attempt('', { clean: true })
  },

  async watch () {
    const client = await connected('watcher')
    await client.subscribeAsync('greenhouse/status/#', { qos: 1 })
    console.log('ready')
    await once(client, 'message')
    await sleep(200)
    await client.endAsync()
  },

  async die () {
    const will = { topic: 'greenhouse/status/3', payload: Buffer.from([0, 255, 254, 27]), qos: 1, retain: false }
    if (version === '5.0') will.properties = { willDelayInterval: 1, payloadFormatIndicator: false }
    const client = await connected('sensor', { will })
    client.stream.destroy()
    await sleep(200)
  },

  async 'at-work' () {
    const client = await connected(`mqttjs-${version.replaceAll('.', '')}`)
    for (const qos of [0, 1, 2]) {
      await client.publishAsync(topic, String(800 + qos), { qos })
      await sleep(250)
    }
    await client.endAsync()
  }
}

await routines[routine]()
process.exit(0)
