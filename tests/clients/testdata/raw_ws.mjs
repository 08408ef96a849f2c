// Injects a text and bytes over a raw WebSocket with npm's ws, and prints what it is shown.
import WebSocket from 'ws'

const [url] = process.argv.slice(2)
const socket = new WebSocket(url, 'culvert.v1.raw')
let shown = 0

socket.on('open', () => {
  socket.send('text of ws: ž')
  socket.send(Buffer.from([0xff, 0x00, 0x0a]))
})
socket.on('message', (payload, binary) => {
  console.log(JSON.stringify({ event: binary ? 'bytes' : 'text', data: payload.toString(binary ? 'hex' : 'utf8') }))
  if (++shown === 2) socket.close(1000)
})
socket.on('close', (code) => console.log(JSON.stringify({ event: 'close', data: String(code) })))
