import { el, fill, icon } from './dom.js'

/**
 * What the URL asks the panel to read.
 *
 * @param {URLSearchParams} params
 * @returns {import('./snippets.js').Wish}
 */
export function wishOf(params) {
  const get = (name) => params.get(name) ?? '', queue = get('queue')
  return {
    topic: get('topic'), queue,
    mode: !params.has('mode') && !queue ? 'view' : get('mode') === 'join' ? 'join' : 'peek',
    from: get('from'), keys: params.getAll('key'), headers: params.getAll('header'),
    ack: get('ack') === 'manual' ? 'manual' : 'each',
  }
}

/** The parameters that say so. @param {import('./snippets.js').Wish} wish */
export const paramsOf = ({ topic, queue, mode, from, keys, headers, ack }) => ({
  topic, queue: mode === 'view' ? '' : queue, mode: mode === 'view' ? '' : mode, from: mode === 'peek' ? '' : from, key: mode === 'join' ? [] : keys, header: mode === 'join' ? [] : headers,
  ack: mode === 'join' && ack === 'manual' ? ack : '',
})

const starts = [['now', 'Now'], ['last', 'The last …'], ['time', 'A time'], ['earliest', 'The beginning'], ['cursor', 'A cursor']]
const startOf = (from) => (!from || from === 'latest' ? 'now' : from === 'earliest' ? 'earliest' : /^-\d+$/.test(from) ? 'last' : from[0] === '@' ? 'time' : 'cursor')

const means = {
  view: 'A view shows every message of the topic. It takes part in nothing, and disturbs nobody.',
  peek: 'A peek shows what waits in the queue, from its place on. It takes nothing, and disturbs nobody.',
  join: 'A join takes part: each message that comes here is taken from the queue’s other members, and is settled, so that nobody gets it again.',
  manual: 'A join takes part: each message that comes here is taken from the queue’s other members. You say what becomes of it, before its lease ends.',
}

let forms = 0

/**
 * The form in which it is said what is to be read.
 *
 * @param {object} does
 * @param {() => void} does.changed something else is wished
 * @param {() => void} does.start
 */
export function wishForm({ changed, start }) {
  const id = ++forms
  const field = (label, input, more) => el('label', { class: 'field' }, el('span', null, label), input, more)
  const input = (attributes) => el('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'off', oninput: refresh, ...attributes })
  const radio = (name, value, label) => el('label', null, el('input', { type: 'radio', name: name + id, value, onchange: refresh }), label)
  const choice = (legend, name, options) => el('fieldset', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, legend), el('legend', { class: 'hidden' }, legend), el('div', { class: 'choice' }, options.map(([value, label]) => radio(name, value, label))))
  const chosen = (of) => of.querySelector('input:checked')?.value
  const choose = (of, value) => { of.querySelector(`input[value=${value}]`).checked = true }

  const topic = input({ name: 'topic', required: true, list: `topics-${id}`, placeholder: 'prices' }), topics = el('datalist', { id: `topics-${id}` })
  const queue = input({ name: 'queue', placeholder: 'billing', list: `queues-${id}` }), queues = el('datalist', { id: `queues-${id}` })
  const type = choice('Input', 'type', [['topic', 'Topic'], ['queue', 'Topic + queue']])
  const mode = choice('How', 'mode', [['peek', 'Peek'], ['join', 'Join']])
  const ack = choice('Messages are settled', 'ack', [['each', 'When shown'], ['manual', 'By hand']])
  const from = el('select', { name: 'from', onchange: refresh }, starts.map(([value, label]) => el('option', { value }, label)))
  const last = el('input', { type: 'number', min: '1', step: '1', value: '100', name: 'last', 'aria-label': 'How many of each partition', oninput: refresh })
  const time = input({ name: 'time', placeholder: '-15m or 2026-01-31T09:00:00Z', 'aria-label': 'From this time: so long ago, or RFC 3339' })
  const cursor = input({ name: 'cursor', placeholder: 'cursor', 'aria-label': 'The cursor' })
  const keys = many('Only the key', 'GOOG', 'key'), headers = many('Only with the header', 'name:value', 'header')
  const queueField = field('Queue', queue, queues)
  const begin = el('div', { class: 'begin' }, last, time, cursor)
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
    queueField.hidden = mode.hidden = wish.mode === 'view'
    queue.required = wish.mode !== 'view'
    ack.hidden = !joins
    where.hidden = wish.mode === 'peek'
    fromLabel.textContent = joins ? 'Where it begins, if it is new' : 'Start from'
    keys.element.hidden = headers.element.hidden = joins
    last.hidden = start !== 'last'
    time.hidden = start !== 'time'
    cursor.hidden = start !== 'cursor'
    last.required = !last.hidden && !where.hidden
    time.required = !time.hidden && !where.hidden
    cursor.required = !cursor.hidden && !where.hidden
    begin.hidden = !['last', 'time', 'cursor'].includes(start)
    note.className = joins ? 'notice warn' : 'notice plain'
    const said = means[joins && wish.ack === 'manual' ? 'manual' : wish.mode]
    if (note.dataset.said !== said) fill(note, joins && icon('warn'), el('span', null, (note.dataset.said = said)))
    changed()
  }

  /** @returns {import('./snippets.js').Wish} */
  function read() {
    const ofQueue = chosen(type) === 'queue'
    const place = { now: '', earliest: 'earliest', last: last.value && '-' + last.value, time: time.value && '@' + time.value.trim().replace(/^@/, ''), cursor: cursor.value.trim() }
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
      time.value = from.value === 'time' ? wish.from.slice(1) : ''
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
      stop.hidden = !on
      button.hidden = on && !other
      fill(button, icon('play'), on ? 'Start anew' : read().mode === 'join' ? 'Join and consume' : 'Start')
    },
    stop,
    valid: () => element.checkValidity(),
    focus: () => topic.focus(),
  }
}
