// Moving the place of a queue, and what that does, told before it is done.

import { view } from '/culvert.js'

import { open } from './dialog.js'
import { el, fill, icon, text } from './dom.js'
import { count, local } from './format.js'

/** How long, and over how many messages, the first one at a time is looked for in each partition. */
const patience = 3000, most = 20_000

/**
 * @typedef {{ partition: number, committed: number | null, end: number | null }} Place
 * @typedef {{ partition: number, from: number | null, to: number | null }} Move null is not known
 */

/**
 * Asks where to, says what it does, and does it.
 *
 * @param {import('./main.js').Context} ctx
 * @param {string} path of the queue
 * @param {{ topic: string, queue: string, members: number, partitions: Place[] | null }} state of it
 * @returns {Promise<boolean>} whether it was moved
 */
export async function reset(ctx, path, state) {
  let turn = new AbortController()
  const kinds = { earliest: 'The beginning', latest: 'The end', time: 'A time', cursor: 'A cursor' }
  const radios = Object.entries(kinds).map(([value]) => el('input', { type: 'radio', name: 'reset-to', value, checked: value === 'earliest', onchange: look }))
  const time = el('input', { type: 'datetime-local', step: '1', 'aria-label': 'Time', value: local(new Date(Math.floor(Date.now() / 1000) * 1000 - 3_600_000)), onchange: look })
  const cursor = el('input', { 'aria-label': 'Cursor', placeholder: 'of a message, or of a view', autocomplete: 'off', spellcheck: 'false', oninput: look })
  const rows = el('tbody'), effect = el('p', { role: 'status', class: 'effect' }), table = el('table', null,
    el('thead', null, el('tr', null, ['Partition', 'From', 'To', ''].map((title, i) => el('th', { scope: 'col', class: (i === 1 || i === 2) && 'number' }, title || el('span', { class: 'hidden' }, 'Effect'))))), rows)

  const kind = () => radios.find(({ checked }) => checked).value
  const to = () => ({ earliest: 'earliest', latest: 'latest', time: time.value && `@${new Date(time.value).getTime()}`, cursor: cursor.value.trim() })[kind()]

  async function look() {
    turn.abort()
    turn = new AbortController()
    const { signal } = turn
    time.hidden = kind() !== 'time'
    cursor.hidden = kind() !== 'cursor'
    table.hidden = true
    text(effect, 'looking …')
    try {
      const moves = await movesTo(ctx, state, to(), signal)
      if (signal.aborted) return
      table.hidden = moves.length === 0
      fill(rows, moves.map(({ partition, from, to }) => el('tr', null, el('th', { scope: 'row' }, String(partition)),
        [from, to].map((place) => el('td', { class: 'number' }, place === null ? 'not known' : String(place))), el('td', null, does([{ partition, from, to }])))))
      text(effect, does(moves, true))
    } catch (error) {
      if (!signal.aborted) text(effect, error.message)
    }
  }

  look()
  const pressed = await open({
    title: `Reset ${state.queue} of ${state.topic}?`,
    body: [
      el('div', { class: 'choice', role: 'radiogroup', 'aria-label': 'Where to' }, radios.map((radio) => el('label', null, radio, kinds[radio.value]))),
      time, cursor, effect, el('div', { class: 'table' }, table),
      el('small', null, 'Counted in offsets: of a topic that is compacted, or written in transactions, it may be fewer messages. What was settled beyond the old place is forgotten.'),
      state.members > 0 && el('p', { class: 'notice warn' }, icon('warn'), el('span', null, `${count(state.members)} members are in it. The bridge refuses while anyone is.`)),
    ],
    buttons: [{ label: 'Cancel', value: '' }, { label: 'Reset the queue', value: 'yes', kind: 'danger' }],
    wide: true,
  })
  turn.abort()
  if (pressed !== 'yes') return false
  try {
    const { partitions } = await ctx.api.post(`${path}/reset`, { to: to() })
    ctx.toast(`${state.queue} is at ${(partitions ?? []).map(({ partition, committed }) => `${partition}:${committed}`).join(', ')}`, 'good')
    return true
  } catch (error) {
    ctx.toast(error.message, 'bad')
    return false
  }
}

/** What moves do, for people. @param {Move[]} moves @param {boolean} [whole] a sentence */
function does(moves, whole) {
  const by = moves.map(({ from, to }) => from === null || to === null ? null : to - from)
  const again = -by.reduce((sum, n) => sum + Math.min(0, n ?? 0), 0), skipped = by.reduce((sum, n) => sum + Math.max(0, n ?? 0), 0)
  const unknown = by.includes(null)
  const parts = [again > 0 && `${count(again)} given again`, skipped > 0 && `${count(skipped)} skipped`, unknown && (whole ? 'in some partitions it is not known' : 'not known')].filter(Boolean)
  if (!whole) return parts.join(', ') || 'stays'
  if (moves.length === 0) return 'The broker does not tell where the queue is, so what this does is not known before.'
  return parts.length === 0 ? 'It stays where it is: no message will be given again, none skipped.' : `Messages: ${parts.join(', ')}.`
}

/**
 * From where to where the partitions go.
 *
 * @param {import('./main.js').Context} ctx
 * @param {{ topic: string, partitions: Place[] | null }} state
 * @param {string} to @param {AbortSignal} signal
 * @returns {Promise<Move[]>}
 */
async function movesTo(ctx, { topic, partitions }, to, signal) {
  if (!to) throw new Error('Say where to.')
  const described = await ctx.api.get(`/v1/topics/${encodeURIComponent(topic)}`, { signal })
  const first = new Map((described.partitions ?? []).map((p) => [p.partition, p.first])), end = new Map((described.partitions ?? []).map((p) => [p.partition, p.end]))
  const target = to === 'earliest' ? first : to === 'latest' ? end : await firstFrom(topic, to, end, signal)
  return (partitions ?? []).map(({ partition, committed }) => ({ partition, from: committed, to: target.get(partition) ?? null }))
}

/** The first offset of each partition from a time or a cursor on; a partition in which that is not found soon is missing. */
async function firstFrom(topic, from, end, signal) {
  const found = new Map(), over = AbortSignal.any([signal, AbortSignal.timeout(patience)])
  let read = 0
  const messages = view(`/v1/topics/${encodeURIComponent(topic)}/events`, { ...(from.startsWith('@') ? { from } : { cursor: from }), to: 'latest', signal: over })
  for await (const { partition, offset } of messages) {
    if (!found.has(partition)) found.set(partition, offset)
    if (found.size === end.size || ++read === most) return found
  }
  if (!over.aborted) for (const [partition, offset] of end) if (!found.has(partition)) found.set(partition, offset)
  return found
}
