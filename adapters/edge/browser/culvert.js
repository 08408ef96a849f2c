// The client of Culvert for whatever has web APIs. What it promises is told in culvert.d.ts.

/** @import * as api from './culvert.d.ts' */
/** @typedef {{ name: string, id: string, data: string }} Block of an event stream */
/** @typedef {{ url: (place: string) => URL, place: string, take: (blocks: Block[]) => Promise<void> | undefined, tell: (state: api.State, detail?: any) => void, o: api.ViewOptions }} Reading */

const own = ['ready', 'gap', 'mark', 'assign', 'bye']
const { min, max, random } = Math
const ignore = () => {}

/** @param {string} text */
const decode64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
/** @param {any} bytes what it is in base64, if it is bytes */
const encode64 = (bytes) => {
  if (bytes instanceof ArrayBuffer) bytes = new Uint8Array(bytes)
  return bytes instanceof Uint8Array ? btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join('')) : undefined
}

export class CulvertError extends Error {
  /** @param {string} code @param {string} detail */
  constructor(code, detail, retryable = false, retryAfter = 0) {
    super(`${code}: ${detail}`)
    Object.assign(this, { name: 'CulvertError', code, detail, retryable, retryAfter })
  }
}

/** @param {string | URL} url @param {object} [parameters] */
function address(url, parameters = {}) {
  const to = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href)
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value ?? []].flat()) to.searchParams.append(name, one)
  }
  return to
}

/** @param {string | URL} url @param {any} options @param {RequestInit} init @param {any} more headers */
async function request(url, { token, headers, credentials }, init, more) {
  const all = new Headers(headers)
  const secret = typeof token === 'function' ? await token() : token
  if (secret) all.set('Authorization', `Bearer ${secret}`)
  for (const name in more) if (more[name]) all.set(name, more[name])
  const answer = await fetch(url, { ...init, credentials, headers: all })
  if (answer.ok) return answer
  const { status } = answer
  const { code = status === 401 ? 'unauthenticated' : `http-${status}`, detail = 'no bridge has answered', retryable = [408, 425, 429, 500, 502, 503, 504].includes(status) } = await answer.json().catch(() => ({}))
  const after = answer.headers.get('Retry-After') ?? ''
  throw new CulvertError(code, detail, retryable, max(0, /^\d+$/.test(after) ? +after * 1000 : Date.parse(after) - Date.now() || 0))
}

/** Longer with each try, and never as long as others wait. @param {number} tries */
const backoff = (tries, base = 1000) => min(30000, base * 2 ** tries) * (0.5 + random() / 2)

/** Ends early where the network or the page comes back, unless a server has told how long. @param {number} ms @param {AbortSignal} signal @param {any} told */
const wait = (ms, signal, told) => new Promise((resolve) => {
  const over = new AbortController()
  const wake = () => {
    clearTimeout(timer)
    over.abort()
    resolve(0)
  }
  const timer = setTimeout(wake, min(ms, 2 ** 31 - 1))
  signal.addEventListener('abort', wake, over)
  for (const sign of told ? [] : ['online', 'pageshow']) globalThis.addEventListener?.(sign, wake, over)
})

/**
 * Connects again and again, until the end of a connection is for good, which is returned or thrown, or the signal comes.
 * @param {any} self @param {AbortSignal} signal @param {(line: any) => Promise<any>} connect
 */
async function persist(self, signal, connect) {
  let renewed = false, tries = 0, base = 1000
  while (!signal.aborted) {
    self.tell('connecting')
    const link = new AbortController()
    signal.addEventListener('abort', () => link.abort(), link)
    /** @type {any} */ let end
    const line = {
      link,
      lives: false,
      live() {
        line.lives = !(renewed = false)
        tries = 0
      },
      /** @param {number} ms */
      retry: (ms) => (base = ms),
    }
    try {
      end = await connect(line)
    } catch (error) {
      end = error
    }
    const silent = link.signal.aborted
    link.abort()
    if (signal.aborted || end?.reconnect === false) return end
    if (end?.retryable === false) {
      if (end.code !== 'unauthenticated' || typeof self.o.token !== 'function' || renewed) throw end
      renewed = true
      continue
    }
    const told = end?.retry_ms ?? end?.retryAfter
    if (told < 0) continue
    const retryIn = line.lives && told ? told : max(told || 0, backoff(tries++, base))
    self.tell('waiting', { reason: end?.reason ?? end?.code ?? (silent ? 'silent' : line.lives ? 'broken' : 'unreachable'), retryIn, error: end instanceof Error ? end : undefined })
    await wait(retryIn, signal, told)
  }
}

/** Parses an event stream (WHATWG HTML), wherever it is cut. @param {(ms: number) => void} retry @returns {(text: string) => Block[]} */
function parser(retry) {
  let rest = '', cr = false, name = '', id = '', /** @type {string[]} */ data = []
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
        if (data.length || id) blocks.push({ name: data.length ? name || 'message' : '', id, data: data.join('\n') })
        name = id = ''
        data = []
      } else if (field === 'data') data.push(value)
      else if (field === 'event') name = value
      else if (field === 'id' && !value.includes('\0')) id = value
      else if (field === 'retry' && /^\d+$/.test(value)) retry(+value)
    }
    return blocks
  }
}

/** Reads a stream over as many connections as it takes. @param {Reading} reading @param {AbortSignal} signal */
const follow = (reading, signal) => persist(reading, signal, async (line) => {
  const { place, o } = reading, { link } = line, url = reading.url(place)
  /** @type {any} */ let bye
  let silence = 60000
  /** @param {Block[]} blocks */
  const heed = (blocks) => {
    for (const { name, data } of blocks) {
      if (name === 'bye') bye = JSON.parse(data)
      if (name !== 'ready') continue
      silence = 2 * JSON.parse(data).heartbeat_ms || silence
      line.live()
      reading.tell('live')
    }
    return reading.take(blocks)
  }
  if (o.transport === 'eventsource') {
    if (place) url.searchParams.set('lastEventId', place)
    const source = new EventSource(url, { withCredentials: o.credentials === 'include' })
    link.signal.addEventListener('abort', () => source.close())
    return new Promise((resolve, reject) => {
      link.signal.addEventListener('abort', resolve)
      source.onerror = () => reject(source.readyState < 2 ? 0 : new CulvertError('refused', 'an EventSource is not told why'))
      for (const name of ['message', ...own]) {
        source.addEventListener(name, ({ data, lastEventId: id }) => {
          const full = heed([{ name, id, data }])
          if (bye) resolve(bye)
          if (!full) return
          source.close() // it cannot pause
          full.then(() => resolve({ retry_ms: -1 }))
        })
      }
    })
  }
  /** @template T @param {Promise<T>} promise */
  const within = (promise) => {
    const timer = setTimeout(() => link.abort(), silence)
    return promise.finally(() => clearTimeout(timer))
  }
  const answer = await within(request(url, o, { signal: link.signal, cache: 'no-store' }, { Accept: 'text/event-stream', 'Last-Event-ID': place }))
  if (answer.status === 204) return { reconnect: false, reason: 'end' }
  if (!answer.body || !/^text\/event-stream/i.test(answer.headers.get('Content-Type') ?? '')) throw new CulvertError('not-acceptable', 'the answer is no event stream')
  const body = answer.body.getReader(), text = new TextDecoder(), parse = parser(line.retry)
  while (!bye) {
    const { done, value } = await within(body.read())
    if (done) break
    const blocks = parse(text.decode(value, { stream: true }))
    if (blocks.length) await heed(blocks)
  }
  return bye
})

class Message {
  #envelope
  #data
  #say
  /** @param {string} data @param {string} place @param {any} [say] */
  constructor(data, place, say) {
    const e = JSON.parse(data)
    this.topic = e.topic
    this.partition = e.partition
    this.offset = e.offset
    this.key = e.key64 ? decode64(e.key64) : (e.key ?? null)
    this.headers = e.headers.map((/** @type {string[]} */ [name, value, coded]) => [name, value ?? decode64(coded)])
    this.time = e.time ? new Date(e.time) : null
    this.deleted = e.payload === null
    this.value = e.base64 !== undefined ? decode64(e.base64) : e.text === undefined ? e.payload : e.text.trim() === 'null' ? null : e.text
    if (say) Object.assign(this, { receipt: e.receipt, attempt: e.attempt ?? 1, settled: false })
    else this.cursor = e.cursor ?? place
    this.#envelope = e
    this.#data = data
    this.#say = say
  }

  get text() {
    const { payload, text, base64, receipt, attempt, cursor } = this.#envelope
    if (text !== undefined || base64 !== undefined || this.deleted) return text
    // As it was sent, with every digit: between its name and what is behind it.
    const tail = JSON.stringify({ receipt, attempt, cursor }).replace('{"', ',"').replace('{', '')
    return this.#data.endsWith(tail) ? this.#data.slice(this.#data.indexOf('"payload":') + 10, -tail.length) : JSON.stringify(payload)
  }

  get bytes() {
    return this.deleted ? undefined : this.value instanceof Uint8Array ? this.value : new TextEncoder().encode(this.text)
  }

  done() {
    return this.#say(this, 'receipts')
  }

  nack({ delay = 0 } = {}) {
    return this.#say(this, 'nack', delay)
  }

  touch() {
    return this.#say(this, 'touch')
  }
}

/** What has a state, and handlers. */
class Told extends EventTarget {
  /** @type {api.State} */
  state = 'connecting'
  over = new AbortController()

  /** @param {api.ViewOptions} o */
  constructor(o) {
    super()
    this.o = o
    const { signal } = o, close = () => this.end()
    if (signal?.aborted) queueMicrotask(close)
    signal?.addEventListener('abort', close, this.over)
  }

  /** @param {api.State} state @param {object} [detail] */
  tell(state, detail) {
    if (this.state === 'ended') return
    this.state = state
    this.dispatchEvent(new CustomEvent('state', { detail: { state, ...detail } }))
  }

  /** @param {any} [error] */
  end(error) {
    this.tell('ended', { reason: error?.code, error })
    this.over.abort()
  }
}

for (const type of ['message', 'delete', 'state', ...own]) {
  const slot = Symbol(type)
  Object.defineProperty(Told.prototype, 'on' + type, {
    /** @this {any} */
    get() {
      return this[slot] ?? null
    },
    /** @this {any} @param {any} handler */
    set(handler) {
      this.removeEventListener(type, this[slot])
      if ((this[slot] = handler)) this.addEventListener(type, handler)
    },
  })
}

const most = 100 // messages that wait before no more are read

class Stream extends Told {
  place = '' // of what has come, where cursor is of what was given out
  /** @type {string | undefined} */ cursor
  /** @type {{ event: Event, message?: any, place: string }[]} */ queue = []
  heard = false // by listeners, who may have messages
  #loops = false
  /** @type {any[]} */ #asked = []
  /** @type {any} */ #error
  #roomy = ignore
  #seen = new Map()

  /** Reads, when whoever made the stream has had time to listen. @param {() => Promise<any>} read */
  begin(read) {
    Promise.resolve().then(read).then(() => this.end(), (error) => this.end(error))
  }

  /** What it returns, if anything, is fulfilled when there is room for more. @param {Block[]} blocks */
  take(blocks) {
    for (const block of blocks) {
      this.place = block.id || this.place
      const item = this.itemOf(block)
      if (item) this.queue.push({ ...item, place: this.place })
    }
    this.drain()
    if (this.queue.length > most) return new Promise((/** @type {any} */ resolve) => (this.#roomy = resolve))
  }

  /** How a block is given out. @param {Block} block @returns {any} */
  itemOf({ name, id, data }) {
    if (!name || name === 'bye') return
    if (own.includes(name)) {
      const detail = JSON.parse(data)
      if (detail.resumed === false || detail.reason === 'epoch') this.#seen.clear()
      return { event: new CustomEvent(name, { detail: { ...detail, cursor: id || undefined } }) }
    }
    const message = this.messageOf(data), { topic, partition, offset, deleted, cursor } = message
    if (cursor && offset != null) {
      // A place may be before the last message that has come.
      const of = `${topic}/${partition}`
      if (offset <= this.#seen.get(of)) return
      this.#seen.set(of, offset)
    }
    const event = new MessageEvent(deleted ? 'delete' : name, { data: deleted ? message.key : (message.text ?? message.bytes), lastEventId: cursor })
    return { event: Object.assign(event, { detail: message }), message }
  }

  /** @param {string} data @returns {any} */
  messageOf(data) {
    return new Message(data, this.place)
  }

  /** Gives out what can be. */
  drain() {
    while (this.queue.length) {
      const { message, event, place } = this.queue[0]
      if (message && !this.#asked.length && (this.#loops || !this.heard)) break
      this.queue.shift()
      this.cursor = place || this.cursor
      this.dispatchEvent(event)
      if (message) this.#asked.shift()?.resolve({ value: message, done: false })
    }
    if (this.queue.length <= most / 2) this.#roomy()
    if (this.queue.length || this.state !== 'ended') return
    for (const { resolve, reject } of this.#asked.splice(0)) {
      if (this.#error) reject(this.#error)
      else resolve({ value: undefined, done: true })
      this.#error = undefined
    }
  }

  /** @param {any} [error] */
  end(error) {
    if (this.state !== 'ended') this.#error = error
    super.end(error)
    this.drain()
  }

  /** @returns {any} */
  close() {
    this.queue = []
    this.end()
  }

  /** @returns {Promise<any>} */
  next() {
    this.#loops = true
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject })
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

  /** @type {EventTarget['addEventListener']} */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options)
    if (type === 'state' || own.includes(type)) return
    this.heard = true
    queueMicrotask(() => this.drain())
  }
}

class View extends Stream {
  #left
  #url

  /** @param {string | URL} url @param {api.ViewOptions} o */
  constructor(url, o) {
    super(o)
    const { key, header, overflow, event, limit, cursor = '', token, headers } = o
    if (!globalThis.ReadableStream) o.transport ??= 'eventsource'
    if (o.transport === 'eventsource' && (token || headers || event)) throw new CulvertError('unsupported', 'an EventSource sends no token and no headers, and hears no names that it does not know')
    this.#url = address(url, { key, header, overflow, event })
    this.#url.searchParams.set('envelope', '1')
    this.#left = limit ?? Infinity
    this.place = cursor
    const alone = !o.share || ['to', 'limit'].some((name) => this.url('').searchParams.has(name))
    this.begin(() => (alone ? follow : followShared)(this, this.over.signal))
  }

  /** @param {string} place */
  url(place) {
    const { from, to, limit } = this.o
    return address(this.#url, { from: place ? undefined : from, to, limit: limit && this.#left })
  }

  /** @type {Stream['itemOf']} */
  itemOf(block) {
    const item = this.#left > 0 && super.itemOf(block)
    if (item?.message && !--this.#left) queueMicrotask(() => this.end())
    return item
  }
}

class Join extends Stream {
  #url
  #from
  #each
  #manual
  #stream = ''
  /** @type {any} what the body of the loop has */ #now
  #closing = false
  /** @type {any} */ #touching
  /** @type {Map<string, any[]>} what is to be said in one request */ #said = new Map()
  /** @type {Set<Promise<any>>} */ #saying = new Set()

  /** @param {string | URL} url @param {any} o */
  constructor(url, o) {
    super(o)
    const { ack = 'each', maxInFlight, from } = o
    this.#each = ack === 'each'
    this.#manual = ack !== 'auto'
    this.#url = address(url, { ack: this.#manual ? 'manual' : 'auto', max_in_flight: maxInFlight })
    this.#url.searchParams.set('envelope', '1')
    this.#from = from
    const read = () => follow(this, this.over.signal)
    this.begin(() => read().catch((error) => {
      if (error.code !== 'conflict' || this.#from == null) throw error
      this.#from = undefined // the queue has begun
      return read()
    }))
  }

  url() {
    return address(this.#url, { from: this.#from })
  }

  /** @param {string} data */
  messageOf(data) {
    const stream = this.#stream
    return new Message(data, '', (/** @type {any[]} */ ...what) => this.#say(stream, ...what))
  }

  /** @type {Stream['itemOf']} */
  itemOf(block) {
    this.place = ''
    if (this.#each) this.heard = false
    if (block.name === 'ready') {
      const { stream, lease_ms: lease } = JSON.parse(block.data)
      this.#stream = stream
      this.#from = undefined
      this.queue = this.queue.filter(({ message }) => !message) // they go to others now
      clearInterval(this.#touching)
      if (this.#manual) this.#touching = setInterval(() => this.#touch(), lease / 3)
    }
    return this.#closing ? undefined : super.itemOf(block)
  }

  /** Keeps what waits here, and what the body of the loop has. */
  #touch() {
    for (const { message } of [...this.queue, { message: this.#each && this.#now }]) {
      if (message && !message.settled) message.touch().catch(ignore)
    }
  }

  /** @param {string} stream @param {any} message @param {string} what @param {number} [delay] */
  #say(stream, message, what, delay) {
    if (what !== 'touch') message.settled = true
    return new Promise((resolve, reject) => {
      const name = JSON.stringify([stream, what, delay]), said = this.#said.get(name) ?? []
      if (said.push({ receipt: message.receipt, resolve, reject }) > 1) return
      this.#said.set(name, said)
      setTimeout(() => {
        this.#said.delete(name)
        const receipts = said.map(({ receipt }) => receipt)
        const post = this.#post(stream, JSON.stringify({ [what]: receipts, delay_ms: delay })).then((unknown) => {
          for (const { receipt, resolve, reject } of said) {
            if ((unknown ?? receipts).includes(receipt)) reject(new CulvertError('unknown-receipt', 'it is settled, or not held any more'))
            else resolve()
          }
        }, (error) => said.forEach(({ reject }) => reject(error)))
        this.#saying.add(post)
        post.then(() => this.#saying.delete(post))
      })
    })
  }

  /** The receipts that are unknown; undefined where all are. @param {string} stream @param {string} body */
  async #post(stream, body) {
    const root = /^.*?(?=\/v1\/)/.exec(this.#url.pathname) ?? ''
    for (let tries = 0; ; tries++) {
      try {
        return (await (await request(new URL(`${root}/v1/streams/${stream}/done`, this.#url), this.o, { method: 'POST', body }, { 'Content-Type': 'application/json' })).json()).unknown
      } catch (/** @type {any} */ error) {
        if (error.code === 'unknown-stream') return
        if (error.retryable === false || tries > 4) throw error
        await wait(max(error.retryAfter ?? 0, backoff(tries, 200)), this.over.signal, 1)
      }
    }
  }

  /** @param {any} [error] */
  end(error) {
    clearInterval(this.#touching)
    super.end(error)
  }

  /** Settles what the body of the loop had. @param {'done' | 'nack'} how */
  #settle(how) {
    const now = this.#now
    this.#now = undefined
    if (this.#each && now && !now.settled) now[how]().catch(ignore)
  }

  async next() {
    this.#settle('done')
    if (this.#closing) await this.close()
    const result = await super.next()
    this.#now = result.value
    return result
  }

  return() {
    this.#settle('nack')
    return super.return()
  }

  async close() {
    this.#closing = true
    if (this.#each && this.#now) return // which comes first
    await new Promise((resolve) => setTimeout(resolve))
    await Promise.all(this.#saying)
    super.close()
  }
}

// Sharing. Tabs that view the same are on one channel. One of them, or a worker of them all, leads: it has the connection, which begins at the end, and tells what comes, each time with the
// place before it. Who is not at that place, because it wants what was before, came late or was too slow, reads up to the leader's over a connection of its own, and goes on from there.

/** @param {any} wish @param {Set<string>} members @param {AbortController} [over] */
async function lead({ name, url, o, place = '' }, members, over = new AbortController()) {
  const channel = new BroadcastChannel(name)
  let exact = false, asked = true, /** @type {any} */ ready, /** @type {any} */ state, /** @type {any} */ error
  const here = () => {
    if (!asked || !exact) return
    channel.postMessage({ here: place, ready, state })
    asked = false
  }
  channel.onmessage = ({ data: { hello, left } }) => {
    asked ||= hello
    here()
    if (members.delete(left) && !members.size) over.abort()
  }
  await follow({
    o,
    url: () => new URL(url),
    get place() {
      return place
    },
    take(blocks) {
      channel.postMessage({ blocks, after: place })
      for (const block of blocks) {
        place = block.id || place
        exact = !!block.id
        if (block.name === 'ready') ready = block
      }
      here()
      return undefined
    },
    tell(...now) {
      channel.postMessage({ state: (state = now) })
    },
  }, over.signal).catch((refused) => (error = { ...refused }))
  if (!over.signal.aborted) channel.postMessage({ over: true, error })
  channel.close()
}

/** @param {any} view @param {AbortSignal} signal */
async function followShared(view, signal) {
  const { o } = view, { token, headers, credentials, transport } = o, { locks } = globalThis.navigator ?? {}
  const url = view.url('-'), me = `${random()}`, over = new AbortController()
  for (const name of ['from', 'lastEventId']) url.searchParams.delete(name)
  const wish = { me, url: url.href, o: { headers: [...new Headers(headers)], credentials, transport, token } }
  const name = `culvert 1 ${JSON.stringify([{ ...wish, me: 0 }])}`
  const channel = new BroadcastChannel(name)
  /** @type {any} */ let inbox, end, worker
  /** @type {(here?: any) => void} */ let heard = ignore
  channel.onmessage = ({ data }) => {
    if (data.over) end = data
    if (data.state) view.tell(...data.state)
    if (data.here && !inbox) inbox = []
    else if (data.blocks && inbox?.push(data) > 1000) inbox = undefined
    heard(data)
  }
  const leave = () => channel.postMessage({ left: me })
  globalThis.addEventListener?.('pagehide', leave, over)
  globalThis.addEventListener?.('pageshow', ({ persisted }) => persisted && heard((inbox = undefined)), over)
  signal.addEventListener('abort', () => heard(), over)
  const elect = () => {
    worker ??= 0
    if (locks) locks.request(name, over, () => lead({ name, url, o, place: inbox && view.place }, new Set(), over)).catch(ignore)
    else heard((end = { alone: true }))
  }
  while (!end && !signal.aborted) {
    inbox = undefined
    if (worker === undefined) {
      try {
        if (typeof token === 'function' || !/\/culvert\.js$/.test(new URL(import.meta.url).pathname)) throw 0
        worker = new SharedWorker(import.meta.url, { type: 'module', name: 'culvert' })
        worker.port.onmessage = worker.onerror = elect // behind it, where it works
      } catch {
        elect()
      }
    }
    worker?.port?.postMessage({ ...wish, name })
    channel.postMessage({ hello: true })
    /** @type {any} */ const start = await new Promise((resolve) => {
      heard = (data) => (data?.here || end || signal.aborted) && resolve(data)
      heard()
    })
    if (end || signal.aborted) break
    const first = view.url(view.place).searchParams
    if (view.place || first.has('from') || first.has('lastEventId')) {
      const last = await follow({
        o,
        url: (place) => address(view.url(place), { to: start.here }),
        get place() {
          return view.place
        },
        take: (blocks) => view.take(blocks.filter(({ name }) => name !== 'bye')),
        tell: (...now) => view.tell(...now),
      }, signal)
      if (last?.reason !== 'end') break
    } else view.take([start.ready])
    view.place = start.here
    while (inbox && !end && !signal.aborted) {
      const next = inbox.shift()
      if (!next) await new Promise((resolve) => (heard = resolve))
      else if (next.after !== view.place) break
      else {
        const full = view.take(next.blocks)
        if (!full) continue
        inbox = undefined
        await full
      }
    }
  }
  leave()
  over.abort()
  channel.close()
  if (end?.alone) return follow(view, signal)
  if (end?.error) throw Object.assign(new CulvertError('', ''), end.error)
}

const scope = /** @type {any} */ (globalThis)
if (scope.SharedWorkerGlobalScope && scope.name === 'culvert') {
  const led = new Map()
  scope.onconnect = (/** @type {MessageEvent} */ { ports: [port] }) => {
    port.onmessage = ({ data }) => {
      const { name, me } = data, members = led.get(name) ?? new Set()
      members.add(me)
      if (!led.has(name)) {
        led.set(name, members)
        const run = () => lead(data, members).finally(() => led.delete(name))
        scope.navigator.locks?.request(name, run) ?? run()
      }
      port.postMessage('here')
    }
  }
}

class Injector extends Told {
  #url
  #n = 0
  /** @type {any[]} */ #waiting = []
  /** @type {any[]} what failed in a way that passes */ #again = []
  /** @type {Map<string, any>} */ #flying = new Map()
  #closing = false
  #soon = false
  #tries = 0
  #idle = ignore
  /** @type {any} */ #line
  /** @type {((pubs: any[]) => void) | undefined} */ #send

  /** @param {string | URL} url @param {any} o */
  constructor(url, o) {
    super(o)
    this.#url = address(url)
    const Socket = o.WebSocket ?? globalThis.WebSocket
    Promise.resolve().then(() => persist(this, this.over.signal, async (line) => {
      this.#line = line
      try {
        return await (Socket ? this.#overSocket(Socket) : this.#overPost())
      } finally {
        this.#send = undefined
        this.#back([...this.#again.splice(0), ...this.#flying.values()])
        this.#flying.clear()
      }
    })).catch((error) => this.end(error))
  }

  get pending() {
    return this.#waiting.length + this.#again.length + this.#flying.size
  }

  /** @param {any} value @param {any} [options] */
  send(value, { topic, key, headers } = {}) {
    return new Promise((resolve, reject) => {
      if (this.#closing || this.state === 'ended') throw new CulvertError('closed', 'no more is sent')
      const { window = 256, buffer = 10000 } = /** @type {any} */ (this.o)
      if (this.pending >= buffer + (this.#send ? window : 0)) throw new CulvertError('buffer-full', `${buffer} messages wait already`, true)
      const base64 = encode64(value), key64 = encode64(key), n = ++this.#n
      const pub = { id: `${n}`, topic, key: key64 === undefined ? key : undefined, key64, base64, headers: headers && (Array.isArray(headers) ? headers : Object.entries(headers)).map(([name, value]) => {
        const coded = encode64(value)
        return coded === undefined ? [name, `${value}`] : [name, null, coded]
      }) }
      const text = JSON.stringify(base64 !== undefined ? pub : { ...pub, [typeof value === 'string' ? 'text' : 'payload']: value })
      this.#waiting.push({ n, topic, text, lane: key == null ? 0 : JSON.stringify([topic, pub.key, key64]), resolve, reject })
      if (!this.#soon) queueMicrotask(() => this.#pump())
      this.#soon = true
    })
  }

  #pump() {
    this.#soon = false
    const { window = 256 } = /** @type {any} */ (this.o), held = new Set(this.#again.map(({ lane }) => lane || -1)), pubs = []
    let bytes = 0
    for (const { text } of this.#flying.values()) bytes += text.length
    for (let i = 0; this.#send && i < this.#waiting.length && this.#flying.size < window && bytes < 1e6;) {
      if (held.has(this.#waiting[i].lane)) {
        i++
        continue
      }
      const [pub] = this.#waiting.splice(i, 1)
      this.#flying.set(`${pub.n}`, pub)
      bytes += pub.text.length
      pubs.push(pub)
    }
    if (pubs.length) this.#send?.(pubs)
  }

  /** @param {any} said */
  #answer({ op, id, code, detail, retryable, partition, offset, time }) {
    const pub = this.#flying.get(id)
    if (!pub) return
    this.#flying.delete(id)
    if (op === 'ack') {
      this.#tries = 0
      pub.resolve({ partition, offset, time: time && new Date(time) })
      // Behind one that was confirmed, earlier ones of its key would be out of order.
      this.#again = this.#again.filter(({ lane, n, reject, error }) => lane !== pub.lane || !lane || n > pub.n || reject(error))
    } else {
      pub.error = new CulvertError(code, detail, retryable)
      if (!retryable) pub.reject(pub.error)
      else if (this.#again.push(pub) === 1) setTimeout(() => this.#retry(), backoff(this.#tries++, 200))
    }
    if (!this.pending) this.#idle()
    this.#pump()
  }

  /** Sends again what failed, but behind what is under way of its key. */
  #retry() {
    const flying = [...this.#flying.values()]
    const early = this.#again.filter(({ n, lane }) => lane && flying.some((pub) => pub.lane === lane && pub.n > n))
    this.#back(this.#again.filter((pub) => !early.includes(pub)))
    this.#again = early
    if (early.length) setTimeout(() => this.#retry(), 100)
    this.#pump()
  }

  /** @param {any[]} pubs */
  #back(pubs) {
    this.#waiting = [...pubs, ...this.#waiting].sort((a, b) => a.n - b.n)
  }

  /** Resolves to why it closed. @param {any} Socket @returns {Promise<any>} */
  async #overSocket(Socket) {
    const { token } = this.o, secret = typeof token === 'function' ? await token() : token
    const url = new URL(this.#url), { link, live } = this.#line
    url.protocol = url.protocol.replace('http', 'ws')
    return new Promise((resolve) => {
      const socket = new Socket(url.href, ['culvert.v1.json', ...(secret ? [`bearer.${secret}`] : [])])
      /** @type {any} */ let silence
      let retryAfter = 0
      const listen = () => {
        clearTimeout(silence)
        silence = this.#flying.size && setTimeout(() => link.abort(), 60000)
      }
      const over = ({ code = 1006, reason = '' }) => {
        clearTimeout(silence)
        const [, name = `closed-${code}`, detail = 'the connection broke'] = /^([a-z-]+): ([^]*)$/.exec(reason) ?? []
        if (code === 1009) {
          // The longest is what was too long.
          const [pub] = [...this.#flying.values()].sort((a, b) => b.text.length - a.text.length)
          if (pub) this.#answer({ id: `${pub.n}`, code: 'too-large', detail })
        }
        resolve(new CulvertError(name, detail, code < 4500 || code > 4999, retryAfter))
      }
      link.signal.addEventListener('abort', () => {
        socket.close()
        over({})
      })
      socket.onopen = () => {
        this.#send = (pubs) => {
          for (const { text } of pubs) socket.send(`{"op":"pub",${text.slice(1)}`)
          listen()
        }
        this.tell('live')
        this.#pump()
      }
      socket.onmessage = (/** @type {MessageEvent} */ { data }) => {
        const said = JSON.parse(data)
        retryAfter = said.retry_ms ?? retryAfter
        live()
        this.#answer(said)
        listen()
      }
      socket.onerror = ignore
      socket.onclose = over
    })
  }

  /** Without a WebSocket. It ends by an error. @returns {Promise<any>} */
  async #overPost() {
    const { signal } = this.#line.link
    this.tell('live')
    for (;;) {
      /** @type {any[]} */ const pubs = await new Promise((resolve, reject) => {
        signal.addEventListener('abort', reject)
        this.#send = (pubs) => {
          this.#send = undefined
          resolve(pubs)
        }
        this.#pump()
      })
      for (const topic of new Set(pubs.map(({ topic }) => topic))) {
        const some = pubs.filter((pub) => pub.topic === topic), url = new URL(this.#url)
        url.pathname = url.pathname.replace(/\/v1\/ws$/, `/v1/topics/${topic}/ws`).replace(/\/ws$/, '/messages')
        const answer = await request(url, this.o, { method: 'POST', body: `{"messages":[${some.map(({ text }) => text)}]}`, signal }, { 'Content-Type': 'application/vnd.culvert.batch+json' })
        const { results } = await answer.json()
        this.#line.live()
        some.forEach(({ n }, i) => this.#answer({ op: results[i].code ? 'err' : 'ack', ...results[i], id: `${n}` }))
      }
    }
  }

  /** @param {any} [error] */
  end(error) {
    super.end(error)
    this.#back([...this.#again.splice(0), ...this.#flying.values()])
    this.#flying.clear()
    for (const { reject } of this.#waiting.splice(0)) reject(error ?? new CulvertError('closed', 'it is not known whether it was sent'))
    this.#idle()
  }

  /** @returns {Promise<void>} */
  async close() {
    this.#closing = true
    if (this.pending) await new Promise((/** @type {any} */ resolve) => (this.#idle = resolve))
    this.end()
  }
}

/** @type {typeof api.view} */
export const view = (url, o = {}) => /** @type {any} */ (new View(url, o))
/** @type {typeof api.join} */
export const join = (url, o = {}) => /** @type {any} */ (new Join(url, o))
/** @type {typeof api.inject} */
export const inject = (url, o = {}) => /** @type {any} */ (new Injector(url, o))
