import { el, fill, icon } from './dom.js'
import { local } from './format.js'
import { isMany, topicsOf } from './snippets.js'

/**
 * What the URL asks the panel to read.
 *
 * @param {URLSearchParams} params
 * @returns {import('./snippets.js').Wish}
 */
export function wishOf(params) {
  const get = (name) => params.get(name) ?? '', queue = get('queue')
  return {
    topic: params.getAll('topic').join(', '), queue,
    mode: !params.has('mode') && !queue ? 'view' : get('mode') === 'join' ? 'join' : 'peek',
    from: get('from'), keys: params.getAll('key'), headers: params.getAll('header'),
    ack: get('ack') === 'manual' ? 'manual' : 'each',
  }
}

/** The parameters that say so. @param {import('./snippets.js').Wish} wish */
export const paramsOf = ({ topic, queue, mode, from, keys, headers, ack }) => ({
  topic: mode === 'view' ? topicsOf(topic) : topic, queue: mode === 'view' ? '' : queue, mode: mode === 'view' ? '' : mode, from: mode === 'peek' ? '' : from, key: mode === 'join' ? [] : keys, header: mode === 'join' ? [] : headers,
  ack: mode === 'join' && ack === 'manual' ? ack : '',
})

const starts = [['now', 'Now'], ['last', 'The last …'], ['ago', 'So long ago'], ['time', 'A time'], ['earliest', 'The beginning'], ['cursor', 'A cursor']]

/** The time that stands for it, where it is one, as a Date; it may be no valid one. */
const timeOf = (from) => new Date(/^@\d+$/.test(from) ? Number(from.slice(1)) : from.slice(1))

/** What the bridge reads, the form shows, if need be as a cursor: so it is told, and nothing is lost. */
function startOf(from) {
  if (!from || from === 'latest') return 'now'
  if (from === 'earliest') return from
  if (/^-\d+$/.test(from)) return 'last'
  if (from.startsWith('@-')) return 'ago'
  return from[0] === '@' && !isNaN(+timeOf(from)) ? 'time' : 'cursor'
}

const means = {
  view: 'A view shows every message of the topic. It takes part in nothing, and disturbs nobody.',
  many: 'A view of several topics, in one list: names between commas, * stands for any characters, and topics that fit join as they appear. It disturbs nobody.',
  peek: 'A peek shows what waits in the queue, from its place on. It takes nothing, and disturbs nobody.',
  join: 'A join takes part: each message that comes here is taken from the queue’s other members, and is settled when it is shown, so that nobody gets it again. When you stop, or close the page, no more is taken.',
  manual: 'A join takes part: each message that comes here is taken from the queue’s other members. You say what becomes of it, before its lease ends. What you hold when you stop, or close the page, goes back to the queue.',
}

let forms = 0

/**
 * The form in which it is said what is to be read.
 *
 * @param {object} does
 * @param {() => void} does.changed something else is wished
 * @param {() => void} does.start
 * @param {(topic: string) => void} does.sought its queues may be chosen from now
 */
export function wishForm({ changed, start, sought }) {
  const id = ++forms
  const field = (label, input, more) => el('label', { class: 'field' }, el('span', null, label), input, more)
  const input = (attributes) => el('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', oninput: refresh, ...attributes })
  const radio = (name, value, label) => el('label', null, el('input', { type: 'radio', name: name + id, value, onchange: refresh }), label)
  const choice = (legend, name, options) => el('fieldset', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, legend), el('legend', { class: 'hidden' }, legend), el('div', { class: 'choice' }, options.map(([value, label]) => radio(name, value, label))))
  const chosen = (of) => of.querySelector('input:checked')?.value
  const choose = (of, value) => { of.querySelector(`input[value=${value}]`).checked = true }

  const topic = input({ name: 'topic', required: true, list: `topics-${id}`, placeholder: 'prices, or orders.*' }), topics = el('datalist', { id: `topics-${id}` })
  const queue = input({ name: 'queue', placeholder: 'billing', list: `queues-${id}`, onfocus: () => sought(topic.value.trim()) }), queues = el('datalist', { id: `queues-${id}` })
  const type = choice('Input', 'type', [['topic', 'Topic'], ['queue', 'Topic + queue']])
  const mode = choice('How', 'mode', [['peek', 'Peek'], ['join', 'Join']])
  const ack = choice('Messages are settled', 'ack', [['each', 'When shown'], ['manual', 'By hand']])
  const from = el('select', { name: 'from', onchange: refresh }, starts.map(([value, label]) => el('option', { value }, label)))
  const last = el('input', { type: 'number', min: '1', step: '1', value: '100', name: 'last', 'aria-label': 'How many of each partition', oninput: refresh })
  const agos = el('datalist', { id: `agos-${id}` }, ['5m', '15m', '1h', '6h', '24h'].map((value) => el('option', { value })))
  const ago = input({ name: 'ago', value: '15m', placeholder: '15m', list: `agos-${id}`, pattern: '\\s*(\\d+(\\.\\d*)?(h|m|s|ms))+\\s*', title: 'Hours, minutes and seconds, as 1h30m', 'aria-label': 'How long ago, as 1h30m' })
  const time = el('input', { type: 'datetime-local', name: 'time', step: 'any', 'aria-label': 'From this time, as your clock has it', oninput: refresh })
  const cursor = input({ name: 'cursor', placeholder: 'cursor', 'aria-label': 'The cursor' })
  const keys = many('Only the key', 'GOOG', 'key'), headers = many('Only with the header', 'name:value', 'header')
  const queueField = field('Queue', queue, queues)
  const begin = el('div', { class: 'begin' }, last, ago, agos, time, cursor)
  const fromLabel = el('span', null, '')
  const where = el('div', { class: 'field where' }, el('label', { class: 'field' }, fromLabel, from), begin)
  const note = el('p', { class: 'notice' })
  const button = el('button', { type: 'submit', class: 'primary' })
  const stop = el('button', { type: 'button' }, icon('stop'), 'Stop')
  const element = el('form', { class: 'card wish', 'aria-label': 'What to view', onsubmit: (event) => {
    event.preventDefault()
    start()
  } },
  el('div', { class: 'row' }, field('Topic', topic, topics), type, queueField, mode, ack),
  el('div', { class: 'row' }, where, keys.element, headers.element),
  el('div', { class: 'row foot' }, note, el('span', { class: 'grow' }), el('div', { class: 'bar' }, stop, button)))

  /** A filter that may be said more than once. */
  function many(label, placeholder, name) {
    const list = el('div', { class: 'many' })
    const add = (value = '') => list.append(input({ name, value, placeholder, 'aria-label': label }))
    const more = el('button', { type: 'button', class: 'ghost', 'aria-label': `${label}: one more`, onclick: () => {
      add()
      list.lastElementChild.focus()
    } }, icon('plus'))
    return {
      element: el('div', { class: 'field filter' }, el('span', null, label), el('div', { class: 'bar' }, list, more)),
      get: () => Array.from(list.children, ({ value }) => value).filter(Boolean),
      set(values) {
        fill(list)
        for (const value of values.length ? values : ['']) add(value)
      },
    }
  }

  function refresh() {
    const wish = read(), start = from.value, joins = wish.mode === 'join'
    topic.setCustomValidity(wish.mode === 'view' || topicsOf(wish.topic).length < 2 && !wish.topic.includes('*') ? '' : 'A queue is of one topic')
    queueField.hidden = mode.hidden = wish.mode === 'view'
    queue.required = wish.mode !== 'view'
    ack.hidden = !joins
    where.hidden = wish.mode === 'peek'
    fromLabel.textContent = joins ? 'Where it begins, if it is new' : 'Start from'
    keys.element.hidden = headers.element.hidden = joins
    // What is hidden is disabled: nobody could mend what is wrong there.
    last.hidden = last.disabled = start !== 'last'
    ago.hidden = ago.disabled = start !== 'ago'
    time.hidden = time.disabled = start !== 'time'
    cursor.hidden = cursor.disabled = start !== 'cursor'
    last.required = !last.hidden && !where.hidden
    ago.required = !ago.hidden && !where.hidden
    time.required = !time.hidden && !where.hidden
    cursor.required = !cursor.hidden && !where.hidden
    begin.hidden = !['last', 'ago', 'time', 'cursor'].includes(start)
    note.className = joins ? 'notice warn' : 'notice plain'
    const said = means[joins && wish.ack === 'manual' ? 'manual' : isMany(wish) ? 'many' : wish.mode]
    if (note.dataset.said !== said) fill(note, joins && icon('warn'), el('span', null, (note.dataset.said = said)))
    changed()
  }

  /** @returns {import('./snippets.js').Wish} */
  function read() {
    const ofQueue = chosen(type) === 'queue'
    const place = { now: '', earliest: 'earliest', last: last.value && '-' + last.value, ago: ago.value.trim() && '@-' + ago.value.trim(), time: time.value && '@' + new Date(time.value).toISOString().replace('.000', ''), cursor: cursor.value.trim() }
    return {
      topic: topic.value.trim(), queue: ofQueue ? queue.value.trim() : '', mode: ofQueue ? chosen(mode) : 'view', from: place[from.value],
      keys: keys.get(), headers: headers.get(), ack: chosen(ack),
    }
  }

  return {
    element,
    read,
    /** @param {import('./snippets.js').Wish} wish */
    write(wish) {
      topic.value = wish.topic
      queue.value = wish.queue
      choose(type, wish.mode === 'view' ? 'topic' : 'queue')
      choose(mode, wish.mode === 'join' ? 'join' : 'peek')
      choose(ack, wish.ack)
      from.value = startOf(wish.from)
      if (from.value === 'last') last.value = wish.from.slice(1)
      if (from.value === 'ago') ago.value = wish.from.slice(2)
      time.value = local(from.value === 'time' ? timeOf(wish.from) : new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000))
      cursor.value = from.value === 'cursor' ? wish.from : ''
      keys.set(wish.keys)
      headers.set(wish.headers)
      refresh()
    },
    /** Says which topics there are to choose from. */
    offer(names) {
      fill(topics, names.map((value) => el('option', { value })))
    },
    offerQueues(names) {
      fill(queues, names.map((value) => el('option', { value })))
    },
    /** @param {boolean} on whether something is read @param {boolean} other whether another thing is wished now */
    running(on, other) {
      const had = document.activeElement
      stop.hidden = !on
      button.hidden = on && !other
      // Who presses the one goes on from the other.
      if (had === stop && !on) button.focus()
      else if (had === button && button.hidden) stop.focus()
      fill(button, icon('play'), on ? 'Start anew' : read().mode === 'join' ? 'Join and consume' : 'Start')
    },
    stop,
    valid: () => element.checkValidity(),
    focus: () => topic.focus(),
  }
}
