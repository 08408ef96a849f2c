/**
 * One line of a view: a message, a tombstone, a gap, or a note of what became of the connection.
 *
 * @typedef {object} Row
 * @property {number} seq its number in this view, from 0
 * @property {'message' | 'delete' | 'gap' | 'note'} kind
 * @property {number} at when it came, in ms
 * @property {number | null} time the message's own, in ms
 * @property {string} [topic]
 * @property {number | null} partition
 * @property {number | null} offset
 * @property {string | Uint8Array | null} key
 * @property {[string, string | Uint8Array][]} headers
 * @property {string} [text] the payload, or what a note says; undefined for bytes and tombstones
 * @property {Uint8Array} [bytes] a payload that is not UTF-8
 * @property {boolean} json whether the payload is JSON
 * @property {number | null} size of the payload in bytes
 * @property {number | null} [lost]
 * @property {string} [reason]
 * @property {number} [attempt]
 * @property {string} [receipt]
 * @property {import('./jobs.js').Job} [job] what becomes of it, where that is said by hand
 */

const ascii = /^[\0-\x7f]*$/

/** How many bytes a text has in UTF-8, without making them. @param {string} text */
export function utf8Size(text) {
  if (ascii.test(text)) return text.length
  let size = text.length
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c > 0x7f) size++
    if (c > 0x7ff && (c < 0xd800 || c > 0xdfff)) size++
  }
  return size
}

/** A row that is no message. @param {'gap' | 'note'} kind @returns {Row} */
export const blank = (kind) => ({ seq: 0, kind, at: Date.now(), time: null, partition: null, offset: null, key: null, headers: [], json: false, size: null })

/** The row of a message of the browser client. @returns {Row} */
export function rowOf(message, at) {
  const { topic, partition = null, offset = null, key, headers, time, value, deleted, receipt, attempt } = message
  const text = deleted ? undefined : message.text, bytes = text === undefined && !deleted ? message.bytes : undefined
  return {
    seq: 0, kind: deleted ? 'delete' : 'message', at, time: time ? time.getTime() : null,
    topic, partition, offset, key, headers, text, bytes,
    // A text that is the word null would be a tombstone if it were taken for JSON.
    json: text !== undefined && value !== null && value !== text,
    size: deleted ? null : bytes ? bytes.length : utf8Size(text),
    receipt, attempt,
  }
}

/** What a row takes in memory, roughly: a text that is not of ASCII may take two bytes a letter, however many it has in UTF-8. */
const weight = (row) => 300 + (row.text === undefined || row.text.length === row.size ? row.size ?? 0 : Math.max(row.size ?? 0, 2 * row.text.length)) + (row.key?.length ?? 0) + row.headers.reduce((sum, [name, value]) => sum + 50 + name.length + value.length, 0)

/** The last rows of a view, bounded by their number and their bytes. What is added beyond lets go of the oldest; their number is `first`. */
export class Kept {
  first = 0
  end = 0
  bytes = 0

  /** @param {number} most @param {number} mostBytes */
  constructor(most, mostBytes) {
    this.most = most
    this.mostBytes = mostBytes
    /** @type {Row[]} */
    this.slots = []
  }

  /** @param {Row} row */
  add(row) {
    row.seq = this.end
    this.bytes += weight(row)
    while (this.end > this.first && (this.end - this.first >= this.most || this.bytes > this.mostBytes)) {
      const slot = this.first++ % this.most
      this.bytes -= weight(this.slots[slot])
      this.slots[slot] = undefined
    }
    this.slots[this.end++ % this.most] = row
  }

  /** The row of this number, undefined where it was let go or has not come. */
  at(seq) {
    return seq < this.first || seq >= this.end ? undefined : this.slots[seq % this.most]
  }

  /** What is kept now, to look at while more comes. */
  snapshot() {
    const copy = new Kept(this.most, this.mostBytes)
    return Object.assign(copy, { first: this.first, end: this.end, bytes: this.bytes, slots: this.slots.slice() })
  }
}

/** Those rows of another that hold what is sought. They are found piece by piece, so that the page stays there for its user. */
export class Found {
  first = 0
  end = 0

  /** @param {Kept} kept @param {string} sought */
  constructor(kept, sought) {
    this.kept = kept
    this.next = kept.first
    /** @type {Row[]} those with the numbers first to end */
    this.rows = []
    const pattern = new RegExp(sought.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i')
    this.holds = (text) => typeof text === 'string' && pattern.test(text)
  }

  matches({ key, text, headers, kind, reason }) {
    return this.holds(text) || this.holds(key) || (kind === 'gap' && this.holds(reason)) || headers.some(([name, value]) => this.holds(name) || this.holds(value))
  }

  /** Looks on until all is looked at, or for so many ms. Reports whether it is through. */
  look(ms) {
    const { kept } = this, until = performance.now() + ms
    this.next = Math.max(this.next, kept.first)
    while (this.next < kept.end) {
      const row = kept.at(this.next++)
      if (this.matches(row)) {
        this.rows.push(row)
        this.end++
      }
      if (performance.now() > until) break
    }
    let gone = 0
    while (gone < this.rows.length && this.rows[gone].seq < kept.first) gone++
    this.rows.splice(0, gone)
    this.first += gone
    return this.next >= kept.end
  }

  at(i) {
    return this.rows[i - this.first]
  }
}

const base64 = (bytes) => {
  let text = ''
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(text)
}

/** A row as the line of NDJSON that the bridge would have sent; JSON is repeated letter by letter. A note has none. @param {Row} row */
export function lineOf({ kind, topic, partition, offset, key, headers, time, text, bytes, json, lost, reason, receipt, attempt }) {
  if (kind === 'note') return ''
  if (kind === 'gap') return JSON.stringify({ op: 'gap', reason, topic, partition, lost }) + '\n'
  const named = key instanceof Uint8Array ? { key64: base64(key) } : key === null ? {} : { key }
  const coded = headers.map(([name, value]) => (typeof value === 'string' ? [name, value] : [name, null, base64(value)]))
  const start = JSON.stringify({ op: 'msg', topic, partition, offset, ...named, headers: coded, time: time === null ? undefined : new Date(time).toISOString(), receipt, attempt })
  const payload = kind === 'delete' ? '"payload":null' : bytes ? `"base64":"${base64(bytes)}"` : json ? `"payload":${text}` : `"text":${JSON.stringify(text)}`
  return `${start.slice(0, -1)},${payload}}\n`
}
