// Address and port in, a running aedes server out, until it is told to stop.
//
// usage: node aedes_server.mjs HOST PORT [OPTIONS AS JSON]
//
// options: passwords (true: user and password are asked for), keepaliveLimit (seconds)

import { createServer } from 'node:net'
import { Aedes } from 'aedes'

const [host, port, json] = process.argv.slice(2)
const options = JSON.parse(json ?? '{}')

function refusal (returnCode) {
  return Object.assign(new Error(`refused with code ${returnCode}`), { returnCode })
}

// One made-up user may connect, one is told that the server is unavailable; a wrong password
// and a missing one are told apart, as the codes 4 and 5 of MQTT 3.1.1 would have it.
function authenticate (client, username, password, done) {
  if (username === undefined || username === null) return done(refusal(5))
  if (username === 'maintenance') return done(refusal(3))
  if (username === 'greenhouse' && String(password) === 'correct-horse') return done(null, true)
  return done(refusal(4))
}

const broker = await Aedes.createBroker({
  ...(options.passwords ? { authenticate } : {}),
  ...(options.keepaliveLimit ? { keepaliveLimit: options.keepaliveLimit } : {})
})
createServer(broker.handle).listen(Number(port), host)
process.on('SIGTERM', () => process.exit(0))
