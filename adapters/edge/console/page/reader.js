// Runs in a worker: reads a stream, which takes JSON to be parsed and bytes to be decoded, and tells the page rows in batches. However much comes, the page has time for its user.

import { join, view } from '/culvert.js'

import { blank, rowOf } from './kept.js'

/**
 * What the page says.
 *
 * @typedef {{op: 'read', url: string, joins: boolean, options: object}
 *   | {op: 'took'} of one batch: the page has it
 *   | {op: 'settle', id: number, receipt: string, what: 'done' | 'nack' | 'touch'}
 *   | {op: 'stop'}} Order
 */
/**
 * What it is told. Everything comes in the order in which the stream had it.
 *
 * @typedef {{op: 'rows', rows: import('./kept.js').Row[]}
 *   | {op: 'ready' | 'assign', detail: any}
 *   | {op: 'state', state: 'connecting' | 'live' | 'waiting' | 'ended', reason?: string, retryIn?: number, detail?: string}
 *   | {op: 'settled', id: number, error?: string}} Told
 */

/** A batch is sent when it has so many rows, or characters and bytes, or when so many ms have passed since the last one: the list is not drawn more often. */
const most = 250, mostBytes = 256 << 10, calm = 40

/** So many batches may be under way. Beyond that nothing is read until the page is back: what it cannot keep up with waits in the bridge, whose rules for slow viewers hold. */
const ahead = 4

/** @type {import('./kept.js').Row[]} */
let rows = []
let load = 0, timer = 0, sent = 0, under = 0, over = false
let stream, pulled
let wake = () => {}
/** @type {Map<string, any>} what this member was given to settle by hand */
const given = new Map()

/** @param {Told} told */
const tell = (told) => postMessage(told)

function flush() {
  clearTimeout(timer)
  timer = 0
  sent = performance.now()
  if (!rows.length) return
  under++
  tell({ op: 'rows', rows })
  rows = []
  load = 0
}

function put(row) {
  rows.push(row)
  load += row.size ?? 0
  if (rows.length >= most || load >= mostBytes) flush()
  else timer ||= setTimeout(flush, Math.max(0, sent + calm - performance.now()))
}

/** Waits until fewer than so many batches are under way, or all is over. */
async function room(fewer) {
  while (under >= fewer && !over) await new Promise((resolve) => (wake = resolve))
}

function read({ url, joins, options }) {
  const byHand = joins && options.ack === 'manual', each = joins && options.ack === 'each'
  stream = joins ? join(url, options) : view(url, options)
  // Messages come by events, in order with all else; to loop besides is how none are read that there is no room for.
  stream.onmessage = stream.ondelete = ({ detail }) => {
    if (byHand) given.set(detail.receipt, detail)
    put(rowOf(detail, Date.now()))
  }
  stream.ongap = ({ detail: { reason, topic, partition = null, lost } }) => put({ ...blank('gap'), reason, topic, partition, lost })
  stream.onready = ({ detail }) => {
    given.clear() // they were another membership's
    flush()
    tell({ op: 'ready', detail })
  }
  stream.onassign = ({ detail }) => {
    flush()
    tell({ op: 'assign', detail })
  }
  stream.onstate = ({ detail: { state, reason, retryIn, error } }) => {
    flush()
    tell({ op: 'state', state, reason, retryIn, detail: error?.detail })
  }
  pulled = pull(each)
}

async function pull(each) {
  try {
    for await (const _ of stream) {
      // The next turn of the loop settles it: not before it is shown.
      if (each) flush()
      await room(each ? 1 : ahead)
      if (over) break
    }
  } catch {
    // The state tells.
  }
}

async function settle({ id, receipt, what }) {
  let error
  try {
    const message = given.get(receipt)
    if (!message) throw new Error('unknown-receipt: not held any more')
    await message[what]()
  } catch (failed) {
    error = failed.message
  }
  tell({ op: 'settled', id, error })
}

/** Takes no more. What a member holds goes back to its queue. */
async function stop() {
  over = true
  const closed = stream.close()
  wake()
  await closed
  await pulled
  close()
}

onmessage = ({ data }) => {
  if (data.op === 'took') {
    under--
    wake()
  } else if (data.op === 'read') read(data)
  else if (data.op === 'settle') settle(data)
  else stop()
}
