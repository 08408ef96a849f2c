// Views what is there of a topic with npm's eventsource, and prints every event. Nothing here closes the stream: the answer to coming back does.
import { EventSource } from 'eventsource'

const [url] = process.argv.slice(2)
const stream = new EventSource(url)

const print = (event) =>
  console.log(JSON.stringify({ event: event.type, data: event.data, cursor: event.lastEventId }))

for (const name of ['message', 'ready', 'bye']) stream.addEventListener(name, print)

stream.addEventListener('error', (error) => {
  if (stream.readyState === EventSource.CLOSED) console.log(JSON.stringify({ event: 'closed', data: String(error.code) }))
})
