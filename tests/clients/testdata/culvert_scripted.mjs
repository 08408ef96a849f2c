// Tries the bridge's own client where a bridge does what it cannot be made to do on demand: against a server that follows a script. It prints what has passed.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { WebSocketServer, WebSocket as Socket } from 'ws'

const { view, join, inject, CulvertError } = await import(process.argv[2])
globalThis.WebSocket = undefined // as in Node 20

// serve answers with the steps of a script, one a request; the last one goes on. Each request is noted.
async function serve(...script) {
  const asked = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ method: request.method, url: request.url, headers: request.headers, body })
    const step = script.length > 1 ? script.shift() : script[0]
    await step(request, response, body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${server.address().port}`, asked, close, server }
}

const ready = (more) => `retry: 20\nevent: ready\nid: r\ndata: ${JSON.stringify({ stream: 's', topics: ['t'], heartbeat_ms: 15000, lease_ms: 30000, ...more })}\n\n`
const message = (n, more) => `id: c${n}\ndata: ${JSON.stringify({ topic: 't', partition: 0, offset: n, key: 'k', headers: [], payload: n, ...more })}\n\n`
const bye = (more) => `event: bye\nid: b\ndata: ${JSON.stringify({ reason: 'end', reconnect: false, ...more })}\n\n`
const stream = (...parts) => (request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  for (const part of parts) response.write(part)
  return response
}
const streamed = (...parts) => (request, response) => stream(...parts)(request, response).end()
const problem = (status, body, headers) => (request, response) => response.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers }).end(JSON.stringify(body))
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const values = async (stream) => {
  const all = []
  for await (const { value } of stream) all.push(value)
  return all
}

const cases = {
  async 'an event stream is read wherever it is cut'() {
    const text = '\ufeff: a comment\r\n' + ready().replaceAll('\n', '\r') + message(0, { payload: 'žluťoučký 🐎' }) + message(1).replaceAll('\n', '\r\n') +
      'id: c2\ndata: {"topic":"t","partition":0,"offset":2,\r\ndata:"key":null,"headers":[],\rdata: "text":"x"}\nunknown: field\nno colon\n\n' + bye()
    const bytes = Buffer.from(text)
    for (let at = 0; at <= bytes.length; at += 1) {
      // Without a network in between every cut is one that the client sees.
      const real = globalThis.fetch
      globalThis.fetch = async () => new Response(new ReadableStream({
        start(body) {
          body.enqueue(bytes.subarray(0, at))
          body.enqueue(bytes.subarray(at))
          body.close()
        },
      }), { headers: { 'Content-Type': 'text/event-stream' } })
      const reading = view('http://there/v1/topics/t/events')
      const got = values(reading)
      await Promise.resolve()
      await Promise.resolve()
      try {
        assert.deepEqual(await got, ['žluťoučký 🐎', 1, 'x'], `cut at ${at}`)
        assert.equal(reading.cursor, 'c2')
      } finally {
        globalThis.fetch = real
      }
    }
  },

  async 'it comes back where it was, as bye says, and shows nothing twice'() {
    const s = await serve(
      streamed(ready(), message(0), message(1).replace('id: c1\n', ''), bye({ reason: 'rotate', reconnect: true, retry_ms: 60 })),
      streamed(ready(), message(1), message(2), bye()),
    )
    const states = [], began = Date.now()
    const v = view(s.url + '/v1/topics/t/events?key=a', { header: ['a:b', 'c:d'], from: 'earliest' })
    v.onstate = ({ detail }) => states.push(detail)
    assert.deepEqual(await values(v), [0, 1, 2])
    assert.ok(Date.now() - began >= 60)
    assert.deepEqual(s.asked.map(({ url, headers }) => [url, headers['last-event-id'], headers.accept]), [
      ['/v1/topics/t/events?key=a&header=a%3Ab&header=c%3Ad&envelope=1&from=earliest', undefined, 'text/event-stream'],
      ['/v1/topics/t/events?key=a&header=a%3Ab&header=c%3Ad&envelope=1', 'b', 'text/event-stream'],
    ])
    assert.deepEqual(states.map(({ state }) => state), ['connecting', 'live', 'waiting', 'connecting', 'live', 'ended'])
    assert.deepEqual([states[2].reason, states[2].retryIn], ['rotate', 60])
    s.close()
  },

  async 'it waits as Retry-After says, and asks for a token anew'() {
    let tokens = 0
    const s = await serve(problem(503, { code: 'unavailable', retryable: true }, { 'Retry-After': '1' }), problem(401, { code: 'unauthenticated', retryable: false }), streamed(ready(), message(0), bye()))
    const began = Date.now()
    assert.deepEqual(await values(view(s.url, { token: async () => `t${++tokens}` })), [0])
    assert.ok(Date.now() - began >= 1000)
    assert.deepEqual(s.asked.map(({ headers }) => headers.authorization), ['Bearer t1', 'Bearer t2', 'Bearer t3'])
    s.close()
  },

  async 'what is refused for good ends it'() {
    for (const [step, code, asked] of [
      [problem(404, { code: 'unknown-topic', detail: 'no t', retryable: false }), 'unknown-topic', 1],
      [problem(401, { code: 'unauthenticated', retryable: false }), 'unauthenticated', 2],
      [(request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('hello'), 'not-acceptable', 1],
      [(request, response) => response.writeHead(405).end('hello'), 'http-405', 1],
    ]) {
      const s = await serve(step)
      const v = view(s.url, { token: () => 't' })
      await assert.rejects(values(v), (error) => error instanceof CulvertError && error.code === code && error.retryable === false)
      assert.deepEqual(await v.next(), { value: undefined, done: true })
      assert.equal(v.state, 'ended')
      assert.equal(s.asked.length, asked, code)
      s.close()
    }
    assert.throws(() => view('/relative'), TypeError)
    assert.throws(() => view('http://a', { transport: 'eventsource', token: 't' }), { code: 'unsupported' })
  },

  async '204 and bye end it, and limit counts over a break'() {
    const none = await serve((request, response) => response.writeHead(204).end())
    assert.deepEqual(await values(view(none.url)), [])
    none.close()
    const s = await serve(streamed(ready(), message(0)), streamed(ready(), message(1), message(2)))
    assert.deepEqual(await values(view(s.url, { limit: 2 })), [0, 1])
    assert.deepEqual(s.asked.map(({ url }) => new URL(url, s.url).searchParams.get('limit')), ['2', '1'])
    s.close()
  },

  async 'a silent stream is taken for dead'() {
    const s = await serve(stream(ready({ heartbeat_ms: 50 })), streamed(ready(), message(0), bye()))
    assert.deepEqual(await values(view(s.url)), [0])
    assert.equal(s.asked.length, 2)
    s.close()
  },

  async 'a slow loop stops the reading, and loses nothing'() {
    const most = 20000, part = 'x'.repeat(1000)
    let written = 0
    const s = await serve(async (request, response) => {
      stream(ready())(request, response)
      for (; written < most; written++) if (!response.write(message(written, { payload: part }))) await once(response, 'drain')
      response.end(bye())
    })
    let n = 0
    for await (const m of view(s.url)) {
      if (n === 0) {
        await sleep(300)
        assert.ok(written < most / 2, `${written} were taken while the loop slept`)
      }
      assert.equal(m.offset, n++)
    }
    assert.equal(n, most)
    s.close()
  },

  async 'listeners hear all, in order, with gaps in their place'() {
    const s = await serve(streamed(ready(), message(0), 'event: gap\nid: g\ndata: {"reason":"overflow","topic":"t","partition":0,"lost":3}\n\n', message(4, { payload: null }), message(5, { payload: undefined, base64: '/wA=' }), 'event: rise\n' + message(6), bye()))
    const heard = []
    const v = view(s.url, { event: 'kind' })
    for (const type of ['ready', 'message', 'delete', 'gap', 'rise']) v.addEventListener(type, (e) => heard.push([type, e.data ?? e.detail.lost ?? e.detail.stream]))
    await new Promise((resolve) => (v.onstate = ({ detail }) => detail.state === 'ended' && resolve()))
    assert.deepEqual(heard, [['ready', 's'], ['message', '0'], ['gap', 3], ['delete', 'k'], ['message', new Uint8Array([255, 0])], ['rise', '6']])
    s.close()
  },

  async 'a signal ends it, also while it waits'() {
    const s = await serve(problem(503, {}, { 'Retry-After': '60' }))
    const over = new AbortController()
    const v = view(s.url, { signal: over.signal })
    v.onstate = ({ detail }) => detail.state === 'waiting' && over.abort()
    assert.deepEqual(await values(v), [])
    assert.deepEqual(await values(view(s.url, { signal: AbortSignal.abort() })), [])
    s.close()
  },

  async 'leases are kept while the loop works, and what one turn settles is one request'() {
    const s = await serve((request, response, body) => {
      if (request.method === 'GET') return stream(ready({ lease_ms: 90 }), ...[0, 1, 2].map((n) => message(n, { receipt: `r${n}` })))(request, response)
      const { receipts = [] } = JSON.parse(body)
      response.end(JSON.stringify({ settled: 1, unknown: receipts.filter((r) => r === 'r2') }))
    })
    const manual = join(s.url + '/before/v1/topics/t/queues/q/events', { ack: 'manual', maxInFlight: 3 })
    const jobs = [await manual.next(), await manual.next(), await manual.next()].map(({ value }) => value)
    const done = await Promise.allSettled(jobs.map((m) => m.done()))
    assert.deepEqual(done.map(({ status, reason }) => reason?.code ?? status), ['fulfilled', 'fulfilled', 'unknown-receipt'])
    await jobs[0].nack({ delay: 7 })
    await manual.close()
    assert.deepEqual(s.asked.map(({ url, body }) => [url, body]), [
      ['/before/v1/topics/t/queues/q/events?ack=manual&max_in_flight=3&envelope=1', ''],
      ['/before/v1/streams/s/done', '{"receipts":["r0","r1","r2"]}'],
      ['/before/v1/streams/s/done', '{"nack":["r0"],"delay_ms":7}'],
    ])
    s.asked.length = 0
    for await (const m of join(s.url + '/v1/topics/t/queues/q/events')) {
      await sleep(m.offset ? 0 : 200)
      if (m.offset === 1) break
    }
    const said = s.asked.slice(1).map(({ body }) => body)
    assert.ok(said.filter((body) => body === '{"touch":["r1","r2","r0"]}').length >= 2, said.join())
    assert.ok(said.includes('{"receipts":["r0"]}'))
    assert.equal(said.at(-1), '{"nack":["r1"],"delay_ms":0}')
    s.close()
  },

  async 'a queue that has begun is joined where it is'() {
    const s = await serve(problem(409, { code: 'conflict', retryable: false }), streamed(ready(), message(0, { receipt: 'r' }), bye()))
    const work = join(s.url + '/v1/topics/t/queues/q/events', { from: 'earliest', ack: 'auto' })
    assert.equal((await work.next()).value.value, 0)
    assert.deepEqual(s.asked.map(({ url }) => new URL(url, s.url).searchParams.get('from')), ['earliest', null])
    await work.close()
    s.close()
  },

  async 'without a WebSocket it posts, in order, and again where the outcome is not known'() {
    const taken = []
    const take = (request, response, body) => {
      const { messages } = JSON.parse(body)
      taken.push(...messages.map(({ id }) => id))
      response.end(JSON.stringify({ results: messages.map(({ id, text }) => (text === 'bad' ? { id, code: 'too-large', detail: 'd', retryable: false } : { id, partition: 0, offset: +id, time: '2026-01-02T03:04:05.678Z' })) }))
    }
    const s = await serve((request, response) => response.destroy(), problem(503, {}), take)
    const out = inject(s.url + '/v1/ws', { window: 3 })
    const sent = await Promise.allSettled(['a', 'b', 'bad', 'c', new Uint8Array([255]), { x: 1 }].map((value) => out.send(value, { topic: 't', key: 'k', headers: { h: 'v' } })))
    assert.deepEqual(sent.map(({ reason, value }) => reason?.code ?? value.offset), [1, 2, 'too-large', 4, 5, 6])
    assert.deepEqual(sent[0].value.time, new Date('2026-01-02T03:04:05.678Z'))
    assert.deepEqual(taken, ['1', '2', '3', '4', '5', '6'])
    assert.deepEqual(s.asked.map(({ url, body }) => [url, JSON.parse(body).messages.length]), [['/v1/topics/t/messages', 3], ['/v1/topics/t/messages', 3], ['/v1/topics/t/messages', 3], ['/v1/topics/t/messages', 3]])
    assert.equal(out.pending, 0)
    await out.close()
    await assert.rejects(out.send('late'), { code: 'closed' })
    s.close()
  },

  async 'over a WebSocket each is answered once, over any number of sockets'() {
    const s = await serve(() => {})
    const frames = [], sockets = new WebSocketServer({ server: s.server, handleProtocols: () => 'culvert.v1.json' })
    let connections = 0, refused = 0
    sockets.on('connection', (socket, request) => {
      connections++
      assert.equal(request.headers['sec-websocket-protocol'], 'culvert.v1.json,bearer.secret')
      socket.on('message', (text) => {
        const { id, text: value } = JSON.parse(text)
        frames.push(id)
        if (connections === 1) return id === '4' && socket.close(4001, 'unavailable: going')
        if (value === 'later' && refused++ < 2) return socket.send(JSON.stringify({ op: 'err', id, code: 'too-many-requests', detail: 'd', retryable: true }))
        if (value === 'fatal') return socket.close(4505, 'not-allowed: you')
        socket.send(JSON.stringify({ op: 'ack', id, partition: 0, offset: +id }))
      })
    })
    const out = inject(s.url.replace('http', 'ws') + '/v1/topics/t/ws', { WebSocket: Socket, token: 'secret', window: 4, buffer: 8 })
    const sent = Array.from({ length: 8 }, () => out.send('x', { key: 'k' }))
    await assert.rejects(out.send('one too many'), { code: 'buffer-full', retryable: true })
    assert.deepEqual((await Promise.all(sent)).map(({ offset }) => offset), [1, 2, 3, 4, 5, 6, 7, 8])
    assert.deepEqual(frames.slice(0, 12), ['1', '2', '3', '4', '1', '2', '3', '4', '5', '6', '7', '8'])
    // A passing error: the rest of the window is answered, then it is sent again, before what follows.
    frames.length = 0
    const more = ['later', 'later', 'x'].map((value, i) => out.send(value, { key: `k${i}` }))
    await Promise.all(more)
    assert.deepEqual(frames, ['9', '10', '11', '9', '10'])
    // It comes too late where a later one of its key was confirmed.
    refused = 0
    const late = await Promise.allSettled(['later', 'x'].map((value) => out.send(value, { key: 'k' })))
    assert.deepEqual(late.map(({ reason }) => reason?.code), ['too-many-requests', undefined])
    const last = await Promise.allSettled([out.send('fatal'), out.send('x')])
    assert.deepEqual(last.map(({ reason }) => reason?.code), ['not-allowed', 'not-allowed'])
    assert.equal(out.state, 'ended')
    assert.equal(connections, 2)
    sockets.close()
    s.close()
  },
}

for (const [name, run] of Object.entries(cases)) {
  if (process.argv[3] && !name.includes(process.argv[3])) continue
  const began = Date.now()
  const late = setTimeout(() => {
    console.error(`${name}: it does not end`)
    process.exit(1)
  }, 20000)
  try {
    await run()
    console.log(JSON.stringify({ event: 'passed', data: name, cursor: `${Date.now() - began} ms` }))
  } catch (error) {
    console.error(`${name}:`, error)
    process.exitCode = 1
  }
  clearTimeout(late)
}
process.exit()
