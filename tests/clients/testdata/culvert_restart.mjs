// Views and injects with the bridge's own client until a bridge that stops in between is back, and judges what became of it.
import assert from 'node:assert/strict'
import { WebSocket } from 'ws'

const [path, base, topic, keeps] = process.argv.slice(2)
const { view, inject } = await import(path)
const print = (event, data = '') => console.log(JSON.stringify({ event, data }))
const url = `${base}/v1/topics/${topic}`

const total = 1500
const seen = new Map(), told = { ready: [], gap: 0, twice: 0 }
const prices = view(url + '/events')
prices.onready = ({ detail }) => told.ready.push(detail.resumed)
prices.ongap = () => told.gap++
prices.onstate = ({ detail }) => detail.state === 'waiting' && print('waiting')
prices.onmessage = ({ detail: { value, offset, partition } }) => {
  const place = `${told.gap}/${partition}/${offset}`
  if (seen.has(place)) told.twice++
  seen.set(place, value)
  if (seen.size === 100) print('flowing')
}
await new Promise((resolve) => prices.addEventListener('ready', resolve, { once: true }))

const out = inject(url + '/ws', { WebSocket, window: 50 })
const settled = Array.from({ length: total }, () => 0), sends = []
for (let n = 0; n < total; n++) {
  sends.push(out.send(n, { key: `k${n % 7}` }).finally(() => settled[n]++))
  if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  // What comes later waits for the bridge to be back.
  while (n === total / 2 && told.ready.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
}
await Promise.all(sends)
assert.ok(settled.every((times) => times === 1))
await out.close()
if (keeps) {
  const values = () => new Set(seen.values())
  for (const end = Date.now() + 10000; values().size < total && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(values().size, total)
}
assert.equal(told.twice, 0)
assert.deepEqual([told.ready.length, told.ready[1]], [2, Boolean(keeps)])
assert.equal(told.gap > 0, !keeps)
prices.close()
print('passed')
process.exit()
