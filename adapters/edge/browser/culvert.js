// See culvert.d.ts.
/** @import * as api from './culvert.d.ts' */

const own = ['ready', 'gap', 'mark', 'assign', 'bye']
const ignore = (...any) => {}
const decode64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
const encode64 = (bytes) => {
  if (bytes instanceof ArrayBuffer) bytes = new Uint8Array(bytes)
  if (bytes instanceof Uint8Array) return btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(''))
}

export class CulvertError extends Error {
  /** @param {string} code @param {string} detail */
  constructor(code, detail, retryable = false, retryAfter = 0) {
    super(`${code}: ${detail}`)
    Object.assign(this, { name: 'CulvertError', code, detail, retryable, retryAfter })
  }
}

function address(url, parameters = {}) {
  const to = new URL(url, globalThis.location?.href)
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value ?? []].flat()) to.searchParams.append(name, one)
  }
  return to
}

const secretOf = (o) => (o.token?.call ? o.token() : o.token)

async function request(url, o, init, more) {
  const headers = new Headers(o.headers), secret = await secretOf(o)
  if (secret) headers.set('Authorization', `Bearer ${secret}`)
  for (const name in more) if (more[name]) headers.set(name, more[name])
  const answer = await fetch(url, { ...init, credentials: o.credentials, headers })
  if (answer.ok) return answer
  const { status } = answer
  const { code = status === 401 ? 'unauthenticated' : `http-${status}`, detail = '', retryable = status > 499 || status === 429 } = await answer.json().catch(() => ({}))
  throw new CulvertError(code, detail, retryable, +(answer.headers.get('Retry-After') ?? 0) * 1000 || 0)
}

const backoff = (tries, base) => Math.min(30000, base * 2 ** tries) * (0.5 + Math.random() / 2)

const wait = (ms, signal, told) => new Promise((resolve) => {
  const over = new AbortController()
  const wake = () => {
    clearTimeout(timer)
    over.abort()
    resolve(0)
  }
  const timer = setTimeout(wake, Math.min(ms, 2 ** 31 - 1))
  signal.addEventListener('abort', wake, over)
  for (const sign of told ? [] : ['online', 'pageshow']) globalThis.addEventListener?.(sign, wake, over)
})

async function persist(self, connect) {
  const { signal } = self.over
  let renewed = 0, tries = 0, base = 1000
  while (!signal.aborted) {
    self.tell('connecting')
    const link = new AbortController()
    signal.addEventListener('abort', () => link.abort(), link)
    const end = await connect(link, () => (tries = renewed = 0), (ms) => (base = ms || base)).catch((error) => error)
    link.abort()
    if (signal.aborted || end?.reconnect === false) return end
    if (end?.retryable === false) {
      if (end.code !== 'unauthenticated' || !self.o.token?.call || renewed) throw end
      renewed = 1
      continue
    }
    const told = end?.retry_ms || end?.retryAfter, retryIn = told || backoff(tries++, base)
    self.tell('waiting', { reason: end?.reason ?? end?.code ?? 'broken', retryIn, error: end })
    await wait(retryIn, signal, told)
  }
}

function parser(retry) {
  let rest = '', cr = false, fields = {}
  return (text) => {
    if (cr && text[0] === '\n') text = text.slice(1)
    if (text) cr = text.endsWith('\r')
    rest += text
    if (!/[\r\n]/.test(text)) return []
    const lines = rest.split(/\r\n|\r|\n/), blocks = []
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?([^]*)$/.exec(line) ?? []
      if (!line) {
        const { event, id = '', data } = fields
        blocks.push({ name: data === undefined ? '' : event || 'message', id, data })
        fields = {}
      } else if (field === 'data' && field in fields) fields.data += '\n' + value
      else if (field === 'retry') retry(+value)
      else if (field !== 'id' || !value.includes('\0')) fields[field] = value
    }
    return blocks
  }
}

// Reads a stream, up to a place if given.
const follow = (self, to) => persist(self, async (link, live, retry) => {
  const { place, o } = self, url = address(self.url(place), { to })
  let silence = 60000, bye
  const heed = (blocks) => {
    for (const { name, data } of blocks) {
      if (name === 'bye') bye = JSON.parse(data)
      if (name !== 'ready') continue
      silence = 2 * JSON.parse(data).heartbeat_ms || silence
      live()
      self.tell('live')
    }
    return self.take(to ? blocks.filter(({ name }) => name !== 'bye') : blocks)
  }
  if (o.transport === 'eventsource') {
    if (place) url.searchParams.set('lastEventId', place)
    return new Promise((resolve, reject) => {
      const source = new EventSource(url, { withCredentials: o.credentials === 'include' })
      link.signal.addEventListener('abort', () => resolve(source.close()))
      source.onerror = () => reject(source.readyState < 2 ? Error() : new CulvertError('refused', 'by EventSource'))
      for (const name of ['message', ...own]) {
        source.addEventListener(name, ({ data, lastEventId: id }) => {
          const full = heed([{ name, id, data }])
          if (bye) resolve(bye)
          if (!full) return
          source.close()
          full.then(resolve)
        })
      }
    })
  }
  const within = (promise) => {
    const timer = setTimeout(() => link.abort(), silence)
    return promise.finally(() => clearTimeout(timer))
  }
  const answer = await within(request(url, o, { signal: link.signal, cache: 'no-store' }, { Accept: 'text/event-stream', 'Last-Event-ID': place }))
  if (answer.status === 204) return { reconnect: false, reason: 'end' }
  if (!/^text\/event-stream/i.test(answer.headers.get('Content-Type') ?? '')) throw new CulvertError('not-acceptable', 'no event stream')
  const body = answer.body.getReader(), text = new TextDecoder(), parse = parser(retry)
  while (!bye) {
    const { done, value } = await within(body.read())
    if (done) break
    await heed(parse(text.decode(value, { stream: true })))
  }
  return bye
})

function messageOf(data, place, say) {
  const { topic, partition, offset, key = null, key64, headers, time, payload, text, base64, cursor = place, receipt, attempt = 1 } = JSON.parse(data)
  const deleted = payload === null
  const message = {
    topic, partition, offset, deleted, cursor,
    key: key64 ? decode64(key64) : key,
    headers: headers.map(([name, value, coded]) => [name, value ?? decode64(coded)]),
    time: time ? new Date(time) : null,
    value: base64 ? decode64(base64) : text?.trim() === 'null' ? null : text ?? payload,
    get text() {
      return deleted || payload === undefined ? text : /"payload":([^]*?)(,"(receipt|cursor)":"[^"]*"(,"attempt":\d+)?)?}$/.exec(data)?.[1]
    },
    get bytes() {
      return deleted ? undefined : base64 ? message.value : new TextEncoder().encode(message.text)
    },
  }
  return say ? Object.assign(message, {
    receipt, attempt,
    settled: false,
    done: () => say(message, 'receipts'),
    nack: ({ delay = 0 } = {}) => say(message, 'nack', delay),
    touch: () => say(message, 'touch'),
  }) : message
}

class Told extends EventTarget {
  /** @type {api.State} */
  state = 'connecting'
  over = new AbortController()

  constructor(o) {
    super()
    this.o = o
    const close = () => o.signal?.aborted && this.end()
    queueMicrotask(close)
    o.signal?.addEventListener('abort', close, this.over)
  }

  tell(state, detail) {
    if (this.state === 'ended') return
    this.state = state
    this.dispatchEvent(new CustomEvent('state', { detail: { state, ...detail } }))
  }

  end(error) {
    this.tell('ended', { reason: error?.code, error })
    this.over.abort()
  }
}

for (const type of ['message', 'delete', 'state', ...own]) {
  const slot = Symbol()
  Object.defineProperty(Told.prototype, 'on' + type, {
    get() {
      return this[slot]
    },
    set(handler) {
      this.removeEventListener(type, this[slot])
      if ((this[slot] = handler)) this.addEventListener(type, handler)
    },
  })
}

class Stream extends Told {
  place = '' // of what has come; cursor: of what was given out
  cursor
  queue = []
  heard = false
  loops = false
  asked = []
  error
  roomy = ignore
  seen = new Map()

  begin(read) {
    Promise.resolve(this).then(read).then(() => this.end(), (error) => this.end(error))
  }

  take(blocks) {
    for (const block of blocks) {
      this.place = block.id || this.place
      const item = this.itemOf(block)
      if (item) this.queue.push({ ...item, place: this.place })
    }
    this.drain()
    if (this.queue.length > 100) return new Promise((resolve) => (this.roomy = resolve))
  }

  itemOf({ name, id, data }, say) {
    if (!name || name === 'bye') return
    if (own.includes(name)) {
      const detail = JSON.parse(data)
      if (detail.resumed === false || detail.reason === 'epoch') this.seen.clear()
      return { event: new CustomEvent(name, { detail: { ...detail, cursor: id } }) }
    }
    const message = messageOf(data, this.place, say), { topic, partition, offset, cursor, deleted, key, text } = message, of = topic + '/' + partition
    if (cursor && offset != null) {
      if (offset <= this.seen.get(of)) return
      this.seen.set(of, offset)
    }
    const event = new MessageEvent(deleted ? 'delete' : name, { data: deleted ? key : (text ?? message.bytes), lastEventId: cursor })
    return { event: Object.assign(event, { detail: message }), message }
  }

  drain() {
    const { asked, queue } = this
    while (queue.length) {
      const { message, event, place } = queue[0]
      if (message && !asked.length && (this.loops || !this.heard)) break
      queue.shift()
      this.cursor = place || this.cursor
      this.dispatchEvent(event)
      if (message) asked.shift()?.resolve({ value: message, done: false })
    }
    if (queue.length < 50) this.roomy()
    if (queue.length || this.state !== 'ended') return
    for (const { resolve, reject } of asked.splice(0)) {
      if (this.error) reject(this.error)
      resolve({ value: undefined, done: true })
      this.error = null
    }
  }

  end(error) {
    if (this.state !== 'ended') this.error = error
    super.end(error)
    this.drain()
  }

  close() {
    this.queue.length = 0
    this.end()
  }

  next() {
    this.loops = true
    return new Promise((resolve, reject) => {
      this.asked.push({ resolve, reject })
      this.drain()
    })
  }

  async return() {
    await this.close()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator]() {
    return this
  }

  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options)
    if (['state', ...own].includes(type)) return
    this.heard = true
    queueMicrotask(() => this.drain())
  }
}

// The leader of a channel, a tab or a worker, has the connection and tells what comes and the place before it. A tab that is elsewhere reads up to that place by itself.
function lead({ name, url, o, place = '' }, over, members) {
  const channel = new BroadcastChannel(name)
  let exact = false, asked = true, ready, error
  const here = () => {
    if (asked && exact) channel.postMessage({ here: leader.place, ready })
    asked &&= !exact
  }
  const leader = {
    o, over, place,
    url: () => new URL(url),
    take(blocks) {
      if (!blocks.length) return
      channel.postMessage({ blocks, after: leader.place })
      for (const block of blocks) {
        leader.place = block.id || leader.place
        exact = !!block.id
        if (block.name === 'ready') ready = block
      }
      here()
    },
    tell: (...state) => channel.postMessage({ state }),
  }
  channel.onmessage = ({ data: { hello, left } }) => {
    asked ||= hello
    here()
    if (members?.delete(left) && !members.size) over.abort()
  }
  return follow(leader).catch((refused) => (error = { ...refused })).then(() => {
    if (!over.signal.aborted) channel.postMessage({ over: true, error })
    channel.close()
  })
}

async function followShared(view) {
  const { over, o: { token, headers, credentials, transport } } = view, { signal } = over, { locks } = globalThis.navigator ?? {}
  const url = view.url('-'), me = Math.random()
  for (const name of ['from', 'lastEventId']) url.searchParams.delete(name)
  const wish = { url: url.href, o: { headers: [...new Headers(headers)], credentials, transport, token: !!token?.call || token } }
  const name = 'culvert 1 ' + JSON.stringify(wish)
  const channel = new BroadcastChannel(name)
  let inbox, end, worker, heard = ignore
  const done = () => end || signal.aborted
  channel.onmessage = ({ data }) => {
    if (data.over) end = data
    if (data.state) view.tell(...data.state)
    if (data.here) inbox ??= []
    if (data.blocks && inbox?.push(data) > 1000) inbox = null
    heard(data)
  }
  const leave = () => channel.postMessage({ left: me })
  globalThis.addEventListener?.('pagehide', leave, over)
  globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && heard((inbox = null)), over)
  signal.addEventListener('abort', () => {
    leave()
    channel.close()
    heard()
  })
  const elect = () => {
    if (locks) locks.request(name, over, () => lead({ name, url, o: view.o, place: inbox ? view.place : '' }, over)).catch(ignore)
    else heard((end = { alone: true }))
  }
  try {
    if (wish.o.token === true || !import.meta.url.endsWith('/culvert.js')) throw 0
    worker = new SharedWorker(import.meta.url, { type: 'module', name: 'culvert' })
    worker.port.onmessage = worker.onerror = elect // behind the worker
  } catch {
    elect()
  }
  while (!done()) {
    inbox = null
    worker?.port.postMessage({ ...wish, name, me })
    channel.postMessage({ hello: true })
    const start = await new Promise((resolve) => {
      heard = (data) => (data?.here || done()) && resolve(data)
    })
    if (done()) break
    view.tell('live')
    if (view.place || view.url('').href !== wish.url) {
      if ((await follow(view, start.here))?.reason !== 'end') return
    } else view.take([start.ready])
    view.place = start.here
    while (inbox && !done()) {
      const next = inbox.shift()
      if (!next) await new Promise((resolve) => (heard = resolve))
      else if (next.after !== view.place) break
      else {
        const full = view.take(next.blocks)
        if (full) inbox = await full
      }
    }
  }
  if (end?.alone) return follow(view)
  if (end?.error) throw Object.assign(new CulvertError('', ''), end.error)
}

if (globalThis.SharedWorkerGlobalScope && self.name === 'culvert') {
  const led = new Map()
  globalThis.onconnect = ({ ports: [port] }) => {
    port.onmessage = ({ data }) => {
      const { name, me } = data, members = led.get(name) ?? new Set()
      members.add(me)
      if (!led.has(name)) {
        led.set(name, members)
        const run = () => lead(data, new AbortController(), members).finally(() => led.delete(name))
        navigator.locks?.request(name, run) ?? run()
      }
      port.postMessage('here')
    }
  }
}

/** @type {typeof api.view} */
export const view = (url, { transport = globalThis.ReadableStream ? 'fetch' : 'eventsource', ...o } = {}) => {
  const { from, to, key, header, overflow, event, limit, cursor = '', token, headers } = o
  if (transport !== 'fetch' && (token || headers || event)) throw new CulvertError('unsupported', 'by EventSource')
  const view = /** @type {any} */ (new Stream({ ...o, transport })), itemOf = view.itemOf.bind(view)
  const all = address(url, { key, header, overflow, event, to, envelope: 1 })
  let left = limit ?? Infinity
  view.place = cursor
  view.url = (place) => address(all, { from: place ? null : from, limit: limit && left })
  view.itemOf = (block) => {
    const item = left > 0 && itemOf(block)
    if (item?.message && !--left) queueMicrotask(() => view.end())
    return item
  }
  view.begin(o.share && !all.searchParams.has('to') && !limit ? followShared : follow)
  return view
}

/** @type {typeof api.join} */
export const join = (url, { ack = 'each', maxInFlight, from, ...o } = {}) => {
  const each = ack === 'each', join = /** @type {any} */ (new Stream(o)), { itemOf, next, close, return: leave } = join
  const all = address(url, { ack: each ? 'manual' : ack, max_in_flight: maxInFlight, envelope: 1 })
  const root = /^.*?(?=\/v1\/)/.exec(all.pathname) ?? '', said = new Map()
  let stream, touching, closing = false, quiet
  let now // what the body of the loop has

  const post = async (stream, receipts, body, tries = 0) => {
    try {
      return (await (await request(new URL(`${root}/v1/streams/${stream}/done`, all), o, { method: 'POST', body: JSON.stringify(body) })).json()).unknown
    } catch (error) {
      if (error.code === 'unknown-stream') return receipts
      if (error.retryable === false || tries > 4) throw error
      await wait(error.retryAfter || backoff(tries, 200), join.over.signal, true)
      return post(stream, receipts, body, tries + 1)
    }
  }
  // One request for what is said in one turn
  const say = async (stream, message, what, delay_ms) => {
    if (what !== 'touch') message.settled = true
    const name = JSON.stringify([stream, what, delay_ms]), { receipt } = message
    if (!said.has(name)) {
      const receipts = [], answer = new Promise((resolve) => setTimeout(resolve)).then(() => {
        said.delete(name)
        return post(stream, receipts, { [what]: receipts, delay_ms })
      })
      said.set(name, { receipts, answer })
      quiet = Promise.allSettled([quiet, answer]).then(ignore)
    }
    const { receipts, answer } = said.get(name)
    receipts.push(receipt)
    if ((await answer).includes(receipt)) throw new CulvertError('unknown-receipt', 'not held')
  }
  const touch = () => {
    for (const { message } of [...join.queue, { message: each && now }]) {
      if (message && !message.settled) message.touch().catch(ignore)
    }
  }

  join.over.signal.addEventListener('abort', () => clearInterval(touching))
  join.url = () => address(all, { from })
  join.itemOf = (block) => {
    join.place = ''
    if (each) join.heard = false
    if (block.name === 'ready') {
      const ready = JSON.parse(block.data)
      stream = ready.stream
      from = undefined
      join.queue = join.queue.filter(({ message }) => !message)
      clearInterval(touching)
      if (ack !== 'auto') touching = setInterval(touch, ready.lease_ms / 3)
    }
    if (!closing) return itemOf.call(join, block, say.bind(null, stream))
  }
  join.next = async () => {
    const had = now
    now = undefined
    if (each && had && !had.settled) had.done().catch(ignore)
    if (closing) await join.close()
    const result = await next.call(join)
    now = result.value
    return result
  }
  join.return = async () => {
    const had = now
    now = undefined
    const result = await leave.call(join) // or it had it again
    if (each && had && !had.settled) await had.nack().catch(ignore)
    return result
  }
  join.close = async () => {
    closing = true
    if (each && now) return
    await quiet
    close.call(join)
  }
  join.begin((join) => follow(join).catch((error) => {
    if (error.code !== 'conflict' || from == null) throw error
    from = undefined
    return follow(join)
  }))
  return join
}

/** @type {typeof api.inject} */
export const inject = (url, o = {}) => {
  const { window = 256, buffer = 10000, WebSocket: Socket = globalThis.WebSocket } = o
  const out = /** @type {any} */ (new Told(o)), end = out.end.bind(out), flying = new Map(), target = address(url)
  let n = 0, tries = 0, closing = false, waiting = [], idle = ignore, transmit
  let again = [] // what failed and may be retried

  const pump = () => {
    const pubs = []
    let bytes = 0
    while (transmit && !again.length && waiting.length && flying.size < window && bytes < 1e6) {
      const pub = waiting.shift()
      flying.set(pub.id, pub)
      bytes += pub.text.length
      pubs.push(pub)
    }
    if (pubs.length) transmit(pubs)
  }
  const rewind = () => {
    waiting = [...again, ...flying.values(), ...waiting].sort((a, b) => a.n - b.n)
    again = []
    flying.clear()
    pump()
  }
  const answer = ({ id, code, detail, retryable, partition, offset, time }) => {
    const pub = flying.get(id)
    if (!pub) return
    flying.delete(id)
    if (!code) {
      tries = 0
      pub.resolve({ partition, offset, time: time && new Date(time) })
      // Earlier ones of its key come too late.
      again = again.filter(({ lane, n, reject, error }) => lane !== pub.lane || n > pub.n || reject(error))
    } else {
      pub.error = new CulvertError(code, detail, retryable)
      retryable ? again.push(pub) : pub.reject(pub.error)
    }
    // In order: not before all is answered.
    if (again.length && !flying.size) setTimeout(rewind, backoff(tries++, 200))
    if (!out.pending) idle()
    pump()
  }

  const overSocket = async (link, live) => {
    const secret = await secretOf(o), url = new URL(target)
    url.protocol = url.protocol.replace('http', 'ws')
    return new Promise((resolve) => {
      const socket = new Socket(url.href, ['culvert.v1.json'].concat(secret ? `bearer.${secret}` : []))
      let retryAfter = 0, silence
      const listen = () => {
        clearTimeout(silence)
        silence = flying.size && setTimeout(() => link.abort(), 60000)
      }
      const over = ({ code = 1006, reason = '' }) => {
        clearTimeout(silence)
        const [, name = `closed-${code}`, detail = 'broken'] = /^([a-z-]+): ([^]*)$/.exec(reason) ?? []
        if (code === 1009) answer({ ...[...flying.values()].sort((a, b) => b.text.length - a.text.length)[0], code: 'too-large', detail })
        resolve(new CulvertError(name, detail, code < 4500 || code > 4999, retryAfter))
      }
      link.signal.addEventListener('abort', () => over(socket.close() ?? {}))
      socket.onopen = () => {
        transmit = (pubs) => {
          for (const { text } of pubs) socket.send(`{"op":"pub",${text.slice(1)}`)
          listen()
        }
        out.tell('live')
        pump()
      }
      socket.onmessage = ({ data }) => {
        const said = JSON.parse(data)
        retryAfter = said.retry_ms ?? retryAfter
        live()
        answer(said)
        listen()
      }
      socket.onerror = ignore
      socket.onclose = over
    })
  }
  const overPost = async ({ signal }, live) => {
    out.tell('live')
    for (;;) {
      const pubs = await new Promise((resolve, reject) => {
        signal.addEventListener('abort', reject)
        transmit = (pubs) => {
          transmit = null
          resolve(pubs)
        }
        pump()
      })
      for (const topic of new Set(pubs.map(({ topic }) => topic))) {
        const some = pubs.filter((pub) => pub.topic === topic), url = new URL(target)
        url.pathname = url.pathname.replace(/\/v1\/ws$/, `/v1/topics/${topic}/ws`).replace(/\/ws$/, '/messages')
        const { results } = await (await request(url, o, { method: 'POST', body: `{"messages":[${some.map(({ text }) => text)}]}`, signal }, { 'Content-Type': 'application/vnd.culvert.batch+json' })).json()
        live()
        some.forEach(({ id }, i) => answer({ ...results[i], id }))
      }
    }
  }

  Object.defineProperty(out, 'pending', { get: () => waiting.length + again.length + flying.size })
  out.end = (error) => {
    end(error)
    transmit = null
    rewind()
    for (const { reject } of waiting.splice(0)) reject(error ?? new CulvertError('closed', 'no more is sent'))
    idle()
  }
  out.send = (value, { topic, key, headers } = /** @type {any} */ ({})) => new Promise((resolve, reject) => {
    if (closing || out.state === 'ended') throw new CulvertError('closed', 'no more is sent')
    if (waiting.length >= buffer) throw new CulvertError('buffer-full', 'full', true)
    const base64 = encode64(value), key64 = encode64(key), id = `${++n}`
    const text = JSON.stringify({
      id, topic, key64,
      key: key64 === undefined ? key : undefined,
      headers: (headers?.map ? headers : Object.entries(headers ?? {})).map(([name, value]) => {
        const coded = encode64(value)
        return coded === undefined ? [name, value] : [name, null, coded]
      }),
      [base64 !== undefined ? 'base64' : typeof value === 'string' ? 'text' : 'payload']: base64 ?? value,
    })
    waiting.push({ n, id, topic, text, lane: key == null ? n : JSON.stringify([topic, key64, key]), resolve, reject })
    queueMicrotask(pump)
  })
  out.close = async () => {
    closing = true
    if (out.pending) await new Promise((resolve) => (idle = resolve))
    out.end()
  }
  Promise.resolve().then(() => persist(out, (link, live) => (Socket ? overSocket : overPost)(link, live).finally(() => {
    transmit = null
    rewind()
  }))).catch(out.end)
  return out
}
