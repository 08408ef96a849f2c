// Views an event stream with npm's eventsource, which comes back by itself where it was, and prints every event.
import { EventSource } from 'eventsource'

const [url] = process.argv.slice(2)
const stream = new EventSource(url)

let cursor = ''
const print = (event) => {
  // Unlike a browser's, an event without an id has no lastEventId here; the library itself remembers the last one.
  cursor = event.lastEventId || cursor
  console.log(JSON.stringify({ event: event.type, data: event.data, cursor }))
}

const names = ['message', 'ready', 'gap', 'mark', 'bye', 'delete', 'binary', 'binary-delete']
for (const name of names) stream.addEventListener(name, print)

stream.addEventListener('bye', (bye) => {
  if (!JSON.parse(bye.data).reconnect) stream.close()
})
