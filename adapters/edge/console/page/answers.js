import { el, fill, text } from './dom.js'
import { count, rate as perSecond } from './format.js'

const shown = 100 // answers
const patience = 2000 // ms after which what has no answer is told of
const titles = { sent: 'Sent', confirmed: 'Confirmed', failed: 'Failed', rate: 'Rate' }

/** What became of the messages that were sent: how many of them, how fast, and each of the last hundred. */
export function answers() {
  /** @type {{ n: number, key: string | null, place: string, took: number, error: string }[]} newest first */
  let last = []
  const figures = { sent: 0, confirmed: 0, failed: 0 }
  /** @type {number[]} when those of the last seconds were confirmed */
  let pace = []
  /** @type {Map<object, number>} when those were sent that wait, oldest first */
  const waiting = new Map()
  let refusal = '' // of one that waits, and is sent again
  let timer = 0, over = false
  let roomy = () => {} // told when one more was answered

  const values = Object.fromEntries(Object.keys(titles).map((name) => [name, el('span', { class: 'value' })]))
  const why = el('span', { class: 'state warn' }), late = el('p', { class: 'pad', role: 'status', hidden: true }, why)
  const none = el('p', { class: 'dim pad' }, 'Each message’s answer is shown here: where it stands in the topic, or why it was not taken.')
  const rows = el('tbody')
  const table = el('div', { class: 'table' }, el('table', { class: 'rows' },
    el('caption', { class: 'hidden' }, 'Answers, the newest first'),
    el('thead', null, el('tr', null, ['Message', 'Key', 'Answer', 'Took'].map((title) => el('th', { scope: 'col', class: title === 'Took' && 'number' }, title)))), rows))
  const element = el('section', { class: 'card flush', 'aria-label': 'Answers' },
    el('div', { class: 'four pad' }, Object.entries(titles).map(([name, title]) =>
      el('div', { class: 'figure', 'data-figure': name }, el('span', { class: 'label' }, title), values[name]))),
    late, none, table)

  function drawSoon(delay = 150) {
    if (!over) timer ||= setTimeout(draw, delay)
  }

  function draw() {
    timer = 0
    const now = performance.now()
    pace = pace.filter((at) => now - at < 2000)
    for (const name of ['sent', 'confirmed', 'failed']) text(values[name], count(figures[name]))
    values.failed.classList.toggle('bad', figures.failed > 0)
    text(values.rate, perSecond(pace.length / 2))
    const [oldest] = waiting.values()
    late.hidden = oldest === undefined || now - oldest < patience
    text(why, late.hidden ? '' : `${count(waiting.size)} without an answer. ${refusal ? `Refused for now, and sent again: ${refusal}` : 'They wait for the connection, or for the broker.'}`)
    if (pace.length > 0 || waiting.size > 0) drawSoon(500) // until there is nothing to tell any more
    none.hidden = last.length > 0
    table.hidden = last.length === 0
    fill(rows, last.slice(0, shown).map(({ n, key, place, took, error }) => el('tr', null,
      el('th', { scope: 'row' }, String(n)),
      el('td', { 'data-label': 'Key', class: key === null ? 'quiet' : 'key' }, key ?? '–'),
      el('td', { 'data-label': 'Answer', class: error ? 'bad wide' : '' }, error || place),
      el('td', { 'data-label': 'Took', class: 'number quiet' }, `${took < 10 ? took.toFixed(1) : Math.round(took)} ms`))))
  }
  draw()

  return {
    element,
    /** How many wait for their answer. */
    get pending() { return waiting.size },
    /** Resolves when one more was answered. */
    one: () => new Promise((resolve) => { roomy = resolve }),
    /**
     * Notes that messages were sent, and then what became of each.
     *
     * @param {import('./sender.js').Made[]} messages @param {Promise<any>[]} promises
     */
    await(messages, promises) {
      const begun = performance.now()
      figures.sent += messages.length
      messages.forEach(({ n, key }, i) => {
        const mark = {}
        waiting.set(mark, begun)
        const answered = (place, error) => {
          waiting.delete(mark)
          if (waiting.size === 0) refusal = ''
          figures[error ? 'failed' : 'confirmed']++
          const now = performance.now()
          if (!error) pace.push(now)
          last.unshift({ n, key, place, took: now - begun, error })
          if (last.length > 2 * shown) last.length = shown
          roomy()
          drawSoon()
        }
        promises[i].then(({ partition, offset }) => answered(partition === undefined ? 'confirmed' : `partition ${partition}, offset ${offset}`, ''), (error) => answered('', error.message))
      })
      drawSoon()
    },
    /** Notes that the server has refused a message that is sent again. @param {string} why */
    refused(why) { refusal = why },
    stop() {
      over = true
      clearTimeout(timer)
    },
  }
}
