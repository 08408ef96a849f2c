// Takes part in a queue with npm's eventsource, which comes back by itself: does all that has come, settles it at once, and hands a message back now and then.
import { EventSource } from 'eventsource'

const [base, topic, queue] = process.argv.slice(2)
// In envelopes all messages look the same, tombstones and bytes too.
const source = new EventSource(`${base}/v1/topics/${topic}/queues/${queue}/events?ack=manual&envelope=1`)
const print = (event, data) => console.log(JSON.stringify({ event, data }))

let stream
let inbox = [] // what has come and is not done
let working = false
let given = 0

for (const name of ['ready', 'assign', 'gap', 'bye']) source.addEventListener(name, (event) => print(name, event.data))

source.addEventListener('ready', (event) => {
  stream = JSON.parse(event.data).stream
  inbox = [] // what an earlier stream held has gone to others
})

source.addEventListener('message', (event) => {
  inbox.push(JSON.parse(event.data))
  if (!working) work()
})

source.addEventListener('error', (error) => {
  if (source.readyState === EventSource.CLOSED) throw new Error(`what is asked for cannot be had: ${error.message}`)
})

async function work() {
  working = true
  while (inbox.length > 0) {
    const [batch, on] = [inbox, stream]
    inbox = []
    const refused = []
    for (const message of batch) {
      const now = message.attempt || ++given % 40 !== 0 // else it cannot be done now
      print(now ? 'done' : 'nack', message.text)
      if (!now) refused.push(message.receipt)
    }
    // Up to the last are all that were not handed back; where that failed, they would be settled too.
    if (refused.length === 0 || (await settle(on, { nack: refused, delay_ms: 100 }))) await settle(on, { upto: batch.at(-1).receipt })
  }
  working = false
}

// settle tells whether the bridge has heard it. If not, what the stream held is given again.
async function settle(on, what) {
  const body = JSON.stringify(what)
  const answer = await fetch(`${base}/v1/streams/${on}/done`, { method: 'POST', body }).catch(() => undefined)
  if (answer && !answer.ok && answer.status !== 404) throw new Error(await answer.text())
  return answer?.ok
}
