// Tries the bridge's own client against a bridge: what messages look like, the three ways of a queue, and tabs that share. It prints what has passed.
import assert from 'node:assert/strict'
import { EventSource } from 'eventsource'
import { WebSocket as Socket } from 'ws'

const [path, base] = process.argv.slice(2)
const { view, join, inject } = await import(path)
globalThis.EventSource = EventSource // which Node 20 lacks
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const topic = (name) => `${base}/v1/topics/culvert.${name}`

// The locks that tabs have, for those of this program.
const lines = new Map()
Object.defineProperty(globalThis, 'navigator', {
  configurable: true,
  value: {
    locks: {
      async request(name, { signal }, held) {
        const before = lines.get(name)
        const mine = (async () => {
          await before
          if (!signal.aborted) await held()
        })()
        lines.set(name, mine)
        return mine
      },
    },
  },
})

// All that is fetched is counted.
let connections = 0, most = 0
const real = globalThis.fetch
globalThis.fetch = async (url, init) => {
  const answer = await real(url, init)
  if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) return answer
  most = Math.max(most, ++connections)
  const [body, gone] = [answer.body.getReader(), () => connections--]
  let open = true
  const leave = () => {
    if (open) gone()
    open = false
  }
  init.signal.addEventListener('abort', leave)
  return new Response(new ReadableStream({
    async pull(to) {
      const { done, value } = await body.read().catch((error) => (leave(), to.error(error), {}))
      if (done) (leave(), to.close())
      else if (value) to.enqueue(value)
    },
    cancel: () => body.cancel(),
  }), answer)
}
const until = async (holds, what) => {
  for (const end = Date.now() + 10000; !holds(); await sleep(5)) if (Date.now() > end) throw Error(`it does not come: ${what}`)
}

const cases = {
  async 'messages keep what they are'() {
    for (const WebSocket of [Socket, undefined]) {
      const name = topic(WebSocket ? 'kept' : 'kept.posted')
      const out = inject(WebSocket ? name + '/ws' : name + '/messages', { WebSocket })
      const digits = '{"n":12345678901234567890.10, "payload":{"cursor":"x"}}'
      const values = [{ a: [1, null] }, digits, 'ž"\u0000\n', '', new Uint8Array([255, 0]), 'null', 7, false, '{"a":1,"cursor":"c"}']
      for (const value of values) await out.send(value, { key: 'k', headers: [['h', 'ž'], ['h', new Uint8Array([254])]] })
      await out.send(null, { key: new Uint8Array([253]) })
      await assert.rejects(out.send(null), { code: 'invalid-request', retryable: false })
      await assert.rejects(out.send(() => {}, { key: 'k' }), { code: 'invalid-request' })
      await out.close()
      const got = []
      for await (const m of view(name + '/events', { from: 'earliest', to: 'latest' })) got.push(m)
      assert.deepEqual(got.map(({ value }) => value), [{ a: [1, null] }, JSON.parse(digits), 'ž"\u0000\n', '', new Uint8Array([255, 0]), null, 7, false, { a: 1, cursor: 'c' }, null])
      assert.deepEqual(got.map(({ text }) => text), ['{"a":[1,null]}', digits, 'ž"\u0000\n', '', undefined, 'null', '7', 'false', '{"a":1,"cursor":"c"}', undefined])
      assert.deepEqual(got.map(({ bytes }) => bytes && Buffer.from(bytes).toString('hex')), got.map(({ text }, i) => (text === undefined ? ['ff00'][i - 4] : Buffer.from(text).toString('hex'))))
      assert.deepEqual(got.map(({ deleted }) => deleted), [...values.map(() => false), true])
      const [first, last] = [got[0], got.at(-1)]
      assert.deepEqual(first.headers, [['h', 'ž'], ['h', new Uint8Array([254])]])
      assert.deepEqual([first.topic, first.partition, first.offset, first.key, last.key], [name.split('/').pop(), 0, 0, 'k', new Uint8Array([253])])
      assert.ok(Math.abs(first.time - Date.now()) < 60000)
      const rest = []
      for await (const m of view(name + '/events', { cursor: got[3].cursor, to: 'latest' })) rest.push(m.offset)
      assert.deepEqual(rest, [4, 5, 6, 7, 8, 9])
    }
  },

  async 'an EventSource does where it must'() {
    const url = topic('sourced'), out = inject(url + '/ws', { WebSocket: Socket }), states = []
    for (let n = 0; n < 300; n++) await out.send(n ? n : null, { key: 'k' })
    const old = view(url + '/events', { transport: 'eventsource', from: 'earliest' })
    old.onstate = ({ detail }) => states.push(detail.state)
    let n = 0
    for await (const m of old) {
      assert.deepEqual([m.offset, m.value], [n, n || null])
      if (n === 0) await sleep(200) // it has to be closed meanwhile
      if (++n === 300) break
    }
    assert.ok(states.filter((state) => state === 'live').length > 1, states.join())
    await assert.rejects(view(url + '/events?unknown=1', { transport: 'eventsource' }).next(), { code: 'refused' })
    await out.close()
  },

  async 'a queue is worked off in each of the three ways'() {
    const url = topic('worked'), queue = url + '/queues/q/events'
    const out = inject(url + '/ws', { WebSocket: Socket })
    for (let n = 0; n < 6; n++) await out.send(n)
    const did = []
    await assert.rejects(async () => {
      for await (const m of join(queue, { from: 'earliest' })) {
        did.push([m.value, m.attempt])
        if (m.value === 2) throw Error('it cannot be done')
      }
    }, /cannot be done/)
    assert.deepEqual(did, [[0, 1], [1, 1], [2, 1]])
    const manual = join(queue, { ack: 'manual', maxInFlight: 1, from: 'earliest' })
    const { value: again } = await manual.next()
    assert.equal(again.value, 2)
    assert.ok(again.attempt > 1, again.attempt) // it may have been handed back before the bridge saw that the member had left, and given to that once more
    await again.nack({ delay: 1 })
    const seen = []
    for await (const m of manual) {
      seen.push(m.value)
      await m.touch()
      await m.done()
      await assert.rejects(m.done(), { code: 'unknown-receipt' })
      if (seen.length === 3) break
    }
    assert.deepEqual([...seen].sort(), [2, 3, 4])
    const auto = join(queue, { ack: 'auto' })
    assert.equal((await auto.next()).value.value, 5)
    await auto.close()
    await out.send(6)
    const each = join(queue)
    for await (const m of each) {
      assert.equal(m.value, 6)
      each.close() // once this one is done
    }
    const { lag, in_flight } = await (await real(url + '/queues/q')).json()
    assert.deepEqual([lag, in_flight], [0, 0])
    await out.close()
  },

  async 'tabs share one connection, and each sees all once'() {
    const url = topic('shared'), out = inject(url + '/ws', { WebSocket: Socket })
    let n = 0
    const send = async (more) => {
      for (const end = n + more; n < end; n++) await out.send(n)
    }
    await send(5)
    const tabs = []
    const open = (o) => {
      const tab = { seen: [], view: view(url + '/events', { share: true, ...o }) }
      tab.view.onmessage = ({ detail }) => tab.seen.push(detail.value)
      tabs.push(tab)
      return new Promise((resolve) => (tab.view.onready = () => resolve(tab)))
    }
    const numbers = (from) => Array.from({ length: n - from }, (_, i) => from + i)
    const all = async (from) => {
      for (const [i, tab] of tabs.entries()) {
        await until(() => tab.seen.length >= n - from[i], `tab ${i} has ${tab.seen}`)
        assert.deepEqual(tab.seen, numbers(from[i]), `tab ${i}`)
      }
    }
    connections = most = 0
    await Promise.all([open(), open(), open()])
    await send(5)
    await all([5, 5, 5])
    assert.equal(most, 1)
    // One that comes late has what it asks for, and joins the others.
    await open({ from: 'earliest' })
    await open({ cursor: tabs[0].view.cursor })
    await send(5)
    await all([5, 5, 5, 0, 10])
    await until(() => connections === 1, `one connection; there are ${connections}`)
    // A slow one holds nobody up.
    const slow = view(url + '/events', { share: true })
    const taken = [(await Promise.all([slow.next(), send(1)]))[0].value.value]
    await send(300)
    await all([5, 5, 5, 0, 10])
    for await (const { value } of slow) if (taken.push(value) === 301) break
    assert.deepEqual(taken, numbers(15))
    // The one that has the connection goes, and another one takes over, while messages come.
    for (let gone = 0; gone < 3; gone++) {
      const sending = send(50)
      await sleep(20)
      tabs.shift().view.close()
      await sending
      await all([5, 5, 0, 10].slice(gone))
    }
    await until(() => connections <= 1, 'one connection')
    for (const { view } of tabs) view.close()
    await until(() => connections === 0, `no connection; there are ${connections}`)
    await out.close()
  },
}

for (const [name, run] of Object.entries(cases)) {
  if (process.argv[4] && !name.includes(process.argv[4])) continue
  const late = setTimeout(() => {
    console.error(`${name}: it does not end`)
    process.exit(1)
  }, 30000)
  try {
    await run()
    console.log(JSON.stringify({ event: 'passed', data: name }))
  } catch (error) {
    console.error(`${name}:`, error)
    process.exitCode = 1
  }
  clearTimeout(late)
}
process.exit()
