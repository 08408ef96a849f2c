// Views a topic over a WebSocket with npm's ws, gives credit when it has done what it had credit for, and prints every frame.
import WebSocket from 'ws'

const [url, topic] = process.argv.slice(2)
const most = 20
let cursor = 'latest'

function connect() {
  const socket = new WebSocket(url, 'culvert.v1.json')
  const send = (frame) => socket.send(JSON.stringify(frame))
  let credit = most

  socket.on('open', () => send({ op: 'sub', id: '1', sub: 'a', topic, from: cursor, credit }))
  socket.on('message', (text) => {
    const frame = JSON.parse(text)
    if (frame.cursor) cursor = frame.cursor
    if (frame.op !== 'msg') {
      console.log(JSON.stringify({ event: frame.op, data: String(text), cursor }))
      return
    }
    console.log(JSON.stringify({ event: 'message', data: frame.text, cursor }))
    if (credit === 0) throw new Error('more messages came than there was credit for')
    if (--credit > 0) return
    // There would be work to do now.
    setTimeout(() => {
      credit = most
      send({ op: 'credit', sub: 'a', n: most })
    }, 5)
  })
  socket.on('error', () => {}) // 'close' comes next
  socket.on('close', () => setTimeout(connect, 500))
}

connect()
