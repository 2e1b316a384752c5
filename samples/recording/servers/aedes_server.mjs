// Runs an aedes server until SIGTERM.
//
// usage: node aedes_server.mjs HOST PORT [OPTIONS AS JSON]
//
// options: passwords (true: user name and password are required), keepaliveLimit (seconds),
// websocket (true, or "deflate": messages of any size are compressed), proxied (true: every
// connection begins with a PROXY protocol header, which is removed)

import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { WebSocketServer, createWebSocketStream } from 'ws'

const [host, port, json] = process.argv.slice(2)
const options = JSON.parse(json ?? '{}')

function refusal (returnCode) {
  return Object.assign(new Error(`refused with code ${returnCode}`), { returnCode })
}

// One test user may connect, one is refused with code 3 (server unavailable). A wrong password is
// refused with code 4, a missing one with code 5 (MQTT 3.1.1).
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

// Removes the PROXY protocol header from the first bytes of a socket: a line (version 1), or 16
// bytes and the length in bytes 14 and 15 (version 2).
function withoutHeader (take) {
  return socket => {
    let head = Buffer.alloc(0)
    socket.on('data', function read (data) {
      head = Buffer.concat([head, data])
      const line = head.indexOf('\r\n') + 2
      const size = head[0] === 0x50 ? line : head.length < 16 ? 0 : 16 + head.readUInt16BE(14)
      if (size < 8 || head.length < size) return
      socket.off('data', read)
      socket.pause()
      if (head.length > size) socket.unshift(head.subarray(size))
      take(socket)
      socket.resume()
    })
  }
}

function webSockets () {
  const http = createHttpServer((request, response) => response.writeHead(426).end())
  const perMessageDeflate = options.websocket === 'deflate' && { threshold: 0 }
  const handleProtocols = offered => offered.has('mqtt') ? 'mqtt' : [...offered][0] ?? false
  const sockets = new WebSocketServer({ server: http, perMessageDeflate, handleProtocols })
  sockets.on('connection', (socket, request) => broker.handle(createWebSocketStream(socket), request))
  return http
}

let server = options.websocket ? webSockets() : createServer(broker.handle)
if (options.proxied) {
  const behind = server
  server = createServer(withoutHeader(socket => behind.emit('connection', socket)))
}
server.listen(Number(port), host)
process.on('SIGTERM', () => process.exit(0))
