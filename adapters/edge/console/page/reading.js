import { join, view } from '/culvert.js'

import { get } from './api.js'
import { rowOf } from './kept.js'
import { poll } from './poll.js'
import { Progress } from './progress.js'
import { path } from './snippets.js'

/** For so long messages are taken in one go; then the page may draw, and hear its user. */
const turn = 10

/** A replay that is silent for so long is over: what is left to its end is no message, or passed over by a filter. */
const silence = 2000

const breath = () => new Promise((resolve) => {
  // A timer of a page that nobody looks at is held back.
  if (!document.hidden) return setTimeout(resolve)
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    resolve(0)
  }
  port2.postMessage(0)
})

/** One view, or membership of a queue, from Start to Stop: counts everything, and tells each row. */
export class Reading {
  messages = 0
  bytes = 0
  gaps = 0
  lost = 0
  /** @type {{state: 'connecting' | 'live' | 'waiting' | 'ended', reason?: string, detail?: string, until?: number}} */
  state = { state: 'connecting' }
  /** @type {number[]} how long messages took from their own time to here since these were last taken, in ms */
  latencies = []
  #last = performance.now()
  #readies = 0
  #queueLag = null
  #known = false // how far the topic goes
  #over = false

  /**
   * @param {import('./snippets.js').Wish} wish
   * @param {(row: import('./kept.js').Row) => void} told
   * @param {() => void} changed the state did
   */
  constructor(wish, told, changed) {
    this.wish = wish
    this.told = told
    this.changed = changed
    this.progress = new Progress(wish.mode === 'view' ? wish.from ?? '' : undefined)
    const joins = wish.mode === 'join', url = path(wish) + '/events'
    this.stream = joins
      ? join(url, { ack: wish.ack, from: wish.from || undefined })
      : view(url + (wish.mode === 'peek' ? '?mode=peek' : ''), { from: (wish.mode === 'view' && wish.from) || undefined, key: wish.keys, header: wish.headers })
    const { stream } = this
    stream.onmessage = stream.ondelete = ({ detail }) => this.#message(detail)
    stream.ongap = ({ detail }) => this.#gap(detail)
    stream.onready = ({ detail }) => this.#ready(detail)
    stream.onstate = ({ detail }) => this.#state(detail)
    if (joins) stream.onassign = ({ detail }) => this.#note(`This bridge now reads ${detail.assigned} ${detail.assigned === 1 ? 'partition' : 'partitions'} for the queue`)
    this.#pull()
    this.watch = poll((signal) => this.#look(signal), 2000)
  }

  /** Messages come by events, in order with all else; to loop besides is how none are read that the page has no time for. */
  async #pull() {
    try {
      let until = performance.now() + turn
      for await (const _ of this.stream) {
        if (performance.now() < until) continue
        await breath()
        until = performance.now() + turn
      }
    } catch {
      // The state tells.
    }
  }

  #message(message) {
    if (this.#over) return
    const row = rowOf(message, Date.now())
    if (this.wish.mode === 'join' && this.wish.ack === 'manual') row.job = message
    this.messages++
    this.bytes += row.size ?? 0
    this.#last = performance.now()
    this.progress.saw(row.partition, row.offset)
    if (row.time !== null && this.#fresh && !this.replay && this.latencies.length < 10000) this.latencies.push(row.at - row.time)
    this.told(row)
  }

  #gap({ reason, topic, partition = null, lost }) {
    if (this.#over) return
    this.gaps++
    this.lost += lost ?? 0
    this.told({ ...blank('gap'), reason, topic, partition, lost })
  }

  #note(text) {
    if (!this.#over) this.told({ ...blank('note'), text })
  }

  #ready({ resumed, reason }) {
    if (this.#readies++) this.#note(resumed === false ? `Back, but not where it was: ${reason}` : resumed ? 'Back: goes on where it was' : 'Back')
    this.#last = performance.now()
  }

  #state({ state, reason, retryIn, error }) {
    if (this.#over) return
    this.state = { state, reason, detail: error?.detail || undefined, until: retryIn === undefined ? undefined : Date.now() + retryIn }
    if (state === 'waiting') this.#note(`The connection ended: ${[reason, this.state.detail].filter(Boolean).join(': ')}`)
    if (state === 'ended') this.watch?.stop()
    this.changed()
  }

  async #look(signal) {
    const { wish } = this
    try {
      if (wish.mode === 'join') this.#queueLag = (await get(path(wish), { signal })).lag
      else this.progress.extents((await get(path({ ...wish, mode: 'view' }), { signal })).partitions ?? [])
      this.#known = true
    } catch {
      this.#known = false
    }
  }

  /** Whether what comes has just been published, as far as that is known. */
  get #fresh() {
    return this.wish.mode === 'join' || !this.wish.from || this.wish.from === 'latest' || this.#known
  }

  /** How many messages lie between what was shown, or what the queue is through with, and the end; null where that is not known: offsets that a filter passed over are not told. */
  get lag() {
    const { wish: { mode, keys, headers } } = this
    if (!this.#known || keys?.length || headers?.length) return null
    return mode === 'join' ? this.#queueLag : this.progress.lag
  }

  /** How far a replay is, null where it is none, or no more. */
  get replay() {
    if (this.state.state !== 'live' || this.wish.mode === 'join' || performance.now() - this.#last > silence) return null
    return this.progress.replay
  }

  /** Takes no more. What this member holds goes back to its queue. */
  stop() {
    this.#over = true
    this.watch.stop()
    this.stream.close()
    this.state = { state: 'ended', reason: 'stopped' }
  }
}

/** @returns {import('./kept.js').Row} */
const blank = (kind) => ({ seq: 0, kind, at: Date.now(), time: null, partition: null, offset: null, key: null, headers: [], json: false, size: null })
