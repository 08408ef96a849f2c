import { get } from './api.js'
import { Job } from './jobs.js'
import { blank } from './kept.js'
import { poll } from './poll.js'
import { Progress } from './progress.js'
import { isMany, queuePath, streamPath, topicPath } from './snippets.js'

/** A replay that is silent for so long is over: what is left to its end is no message, or passed over by a filter. */
const silence = 2000

/** How far so many topics go is asked for; of more it is not known. */
const mostTopics = 16

/** So many latencies are kept of a second, whatever comes. */
const samples = 2000

const script = new URL('./reader.js', import.meta.url).href
const own = globalThis.trustedTypes?.createPolicy('culvert-reader', { createScriptURL: () => script })

/** One view, or membership of a queue, from Start to Stop: counts everything, and tells the rows. */
export class Reading {
  messages = 0
  bytes = 0
  gaps = 0
  lost = 0
  /** @type {{state: 'connecting' | 'live' | 'waiting' | 'ended', reason?: string, detail?: string, until?: number}} */
  state = { state: 'connecting' }
  /** @type {number[]} how long messages took from their own time to here since these were last taken, in ms: of some of them, where many came */
  latencies = []
  /** Why nothing may come although the connection stands; empty where nothing is known to be wrong. */
  trouble = ''
  /** @type {any} what the stream said of itself when it last began */
  terms = {}
  /** @type {Set<Job>} what this member has to settle by hand */
  #jobs = new Set()
  #said = new Map()
  #ids = 0
  #last = performance.now()
  #readies = 0
  #queueLag = null
  #known = false // how far the topics go
  #over = false
  /** @type {Map<string, Progress>} by topic */
  #progress = new Map()

  /**
   * @param {import('./snippets.js').Wish} wish
   * @param {(rows: import('./kept.js').Row[]) => void} told
   * @param {() => void} changed the state did
   */
  constructor(wish, told, changed) {
    this.wish = wish
    this.told = told
    this.changed = changed
    const { mode, from, keys, headers, ack } = wish, joins = mode === 'join'
    this.byHand = joins && ack === 'manual'
    if (!isMany(wish)) this.#progressOf(wish.topic)
    this.worker = new Worker(own?.createScriptURL('') ?? script, { type: 'module' })
    this.worker.onmessage = ({ data }) => this.#hear(data)
    this.worker.onerror = (event) => this.#state({ state: 'ended', reason: 'internal', detail: event.message || 'the console’s worker cannot be loaded' })
    this.worker.postMessage({
      op: 'read', joins,
      // A worker's own address is another one.
      url: new URL(streamPath(wish), location.href).href,
      options: joins ? { ack, from: from || undefined } : { from: (mode === 'view' && from) || undefined, key: keys, header: headers },
    })
    this.watch = poll((signal) => this.#look(signal), 2000)
  }

  /** @param {string} topic */
  #progressOf(topic) {
    let progress = this.#progress.get(topic)
    if (!progress) this.#progress.set(topic, (progress = new Progress(this.wish.mode === 'view' ? this.wish.from ?? '' : undefined)))
    return progress
  }

  /** @param {import('./reader.js').Told} told */
  #hear(told) {
    if (told.op === 'settled') {
      const { resolve, reject } = this.#said.get(told.id)
      this.#said.delete(told.id)
      if (told.error) reject(new Error(told.error))
      else resolve()
    }
    if (this.#over) return
    if (told.op === 'rows') {
      this.#rows(told.rows)
      this.worker.postMessage({ op: 'took' })
    } else if (told.op === 'ready') this.#ready(told.detail)
    else if (told.op === 'assign') this.#note(`This bridge now reads ${told.detail.assigned} ${told.detail.assigned === 1 ? 'partition' : 'partitions'} for the queue`)
    else if (told.op === 'state') this.#state(told)
  }

  /** @param {import('./kept.js').Row[]} rows */
  #rows(rows) {
    const fresh = this.#fresh && !this.replay, step = Math.ceil(rows.length / 25)
    let topic, progress
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]
      if (row.kind === 'gap') {
        this.gaps++
        this.lost += row.lost ?? 0
        continue
      }
      this.messages++
      this.bytes += row.size ?? 0
      if (!progress || row.topic !== topic) progress = this.#progressOf((topic = row.topic))
      progress.saw(row.partition, row.offset)
      if (fresh && row.time !== null && i % step === 0 && this.latencies.length < samples) this.latencies.push(row.at - row.time)
      if (this.byHand) this.#give(row)
    }
    this.#last = performance.now()
    this.told(rows)
  }

  #give(row) {
    row.job = new Job(row.receipt, (what) => new Promise((resolve, reject) => {
      const id = ++this.#ids
      this.#said.set(id, { resolve, reject })
      this.worker.postMessage({ op: 'settle', id, receipt: row.receipt, what })
    }), () => Date.now() + (this.terms.lease_ms ?? Infinity), this.terms.max_attempts)
    this.#jobs.add(row.job)
  }

  /** What this member holds: messages that it was given, and that wait for its word. */
  get held() {
    for (const job of this.#jobs) if (!job.held) this.#jobs.delete(job)
    return this.#jobs
  }

  #letGo() {
    for (const job of this.#jobs) job.state = job.held ? 'gone' : job.state
    this.#jobs.clear()
  }

  #note(text) {
    this.told([{ ...blank('note'), text }])
  }

  #ready(terms) {
    this.#letGo()
    this.terms = terms
    if (this.wish.mode === 'view') for (const topic of terms.topics ?? []) this.#progressOf(topic)
    if (this.#readies++) this.#note(terms.resumed === false ? `Back, but not where it was: ${terms.reason}` : terms.resumed ? 'Back: goes on where it was' : 'Back')
    this.#last = performance.now()
    if (isMany(this.wish)) this.watch.now()
    this.changed()
  }

  #state({ state, reason, retryIn, detail }) {
    if (this.#over) return
    this.state = { state, reason, detail: detail || undefined, until: retryIn === undefined ? undefined : Date.now() + retryIn }
    if (state === 'waiting') this.#note(`The connection ended: ${[reason, this.state.detail].filter(Boolean).join(': ')}`)
    if (state === 'ended') {
      this.watch.stop()
      this.worker.terminate()
    }
    if (state !== 'live') this.#letGo()
    this.changed()
  }

  async #look(signal) {
    const { wish } = this
    try {
      if (wish.mode === 'join') this.#queueLag = (await get(queuePath(wish), { signal })).lag
      else {
        const all = [...this.#progress]
        if (!all.length || all.length > mostTopics) throw new Error('not known')
        await Promise.all(all.map(async ([topic, progress]) => progress.extents((await get(topicPath(topic), { signal })).partitions ?? [])))
      }
      this.#known = true
      this.#troubled('')
    } catch (error) {
      this.#known = false
      if (!signal.aborted) this.#troubled(error.code === 'unavailable' ? error.detail : '')
    }
  }

  #troubled(why) {
    if (why === this.trouble) return
    this.trouble = why
    this.changed()
  }

  /** Whether what comes has just been published, as far as that is known. */
  get #fresh() {
    return this.wish.mode === 'join' || !this.wish.from || this.wish.from === 'latest' || this.#known
  }

  /** How many messages lie between what was shown, or what the queue is through with, and the end; null where that is not known: offsets that a filter passed over are not told. */
  get lag() {
    const { wish: { mode, keys, headers } } = this
    if (!this.#known || keys?.length || headers?.length) return null
    if (mode === 'join') return this.#queueLag
    const lags = [...this.#progress.values()].map(({ lag }) => lag).filter((lag) => lag !== null)
    return lags.length ? lags.reduce((sum, lag) => sum + lag, 0) : null
  }

  /** How far a replay is, null where it is none, or no more. @returns {{done: number, total: number} | null} */
  get replay() {
    if (this.state.state !== 'live' || this.wish.mode === 'join' || performance.now() - this.#last > silence) return null
    let done = 0, total = 0
    for (const { replayed } of this.#progress.values()) {
      done += replayed.done
      total += replayed.total
    }
    return done < total ? { done, total } : null
  }

  /** Takes no more. What this member holds goes back to its queue; how many that are. */
  stop() {
    if (this.#over) return 0
    const held = this.held.size
    this.#over = true
    this.watch.stop()
    this.#letGo()
    if (this.state.state !== 'ended') this.worker.postMessage({ op: 'stop' })
    this.state = { state: 'ended', reason: 'stopped', detail: held ? `${held === 1 ? 'the message' : `the ${held} messages`} that you held ${held === 1 ? 'goes' : 'go'} back to the queue` : undefined }
    return held
  }
}
