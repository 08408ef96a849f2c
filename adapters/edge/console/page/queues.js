// Who shares the work of which topic, how far they are, and what to do about it.

import { confirm } from './dialog.js'
import { el, fill, icon, text } from './dom.js'
import { count, duration } from './format.js'
import { letters } from './letters.js'
import { poll } from './poll.js'
import { reset } from './reset.js'
import { search } from './search.js'
import { table } from './table.js'

const mostTopics = 200 // whose queues are asked for
const atOnce = 6

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'queues',
  title: 'Queues',
  key: 'q',
  mount,
}

/** The path of a queue. @param {string} topic @param {string} queue */
const pathOf = (topic, queue) => `/v1/topics/${encodeURIComponent(topic)}/queues/${encodeURIComponent(queue)}`

/** @param {HTMLElement} root @param {import('./main.js').Context} ctx */
function mount(root, ctx) {
  const content = el('div', { class: 'stack' })
  /** @type {{ of: string, update(params: URLSearchParams): void, stop(): void } | null} */
  let shown = null

  function update(params) {
    const topic = params.get('topic') ?? '', queue = params.get('queue') ?? '', of = topic && queue ? pathOf(topic, queue) : `all ${topic}`
    if (shown?.of === of) return shown.update(params)
    const before = shown
    before?.stop()
    fill(content)
    shown = { of, ...(topic && queue ? one(content, ctx, topic, queue) : several(content, ctx, topic, params)) }
    if (!before) return
    // As from one panel to another.
    document.getElementById('main').focus({ preventScroll: true })
    scrollTo(0, 0)
  }

  fill(root, content)
  update(ctx.params)
  return { update, unmount: () => shown?.stop() }
}

// ── the queues of a topic, or of all ──

/** @param {HTMLElement} root @param {import('./main.js').Context} ctx @param {string} topic empty: all @param {URLSearchParams} params */
function several(root, ctx, topic, params) {
  let q = params.get('q') ?? '', sort = params.get('sort') ?? ''
  /** @type {{ queues: { topic: string, queue: string, members: number, lag: number | null }[], complete: boolean, problems: string[], topics: string[] } | null} */
  let list = null
  const summary = el('small', { role: 'status' })
  const field = search('Search queues', q, (value) => {
    q = value
    keep()
  })
  const rows = table({
    caption: 'Queues',
    most: 500,
    key: (entry) => `${entry.topic} ${entry.queue}`,
    sorted: (id, down) => {
      sort = (down ? '-' : '') + id
      keep()
    },
    columns: [
      { id: 'queue', title: 'Queue', value: (e) => e.queue, of: (e) => e.queue, cell: (e) => el('a', { href: ctx.link('queues', { topic: e.topic, queue: e.queue }) }, e.queue) },
      { id: 'topic', title: 'Topic', value: (e) => e.topic, text: (e) => e.topic, class: 'quiet' },
      { id: 'members', title: 'Members', number: true, down: true, value: (e) => e.members, text: (e) => count(e.members) },
      { id: 'lag', title: 'Lag', number: true, down: true, value: (e) => e.lag, text: (e) => count(e.lag) },
      { id: 'actions', title: '', class: 'actions', of: (e) => e.queue, cell: (e) =>
        el('a', { class: 'button ghost small', href: ctx.link('view', { topic: e.topic, queue: e.queue, mode: 'peek', on: true }), 'aria-label': `Peek into ${e.queue} of ${e.topic}` }, icon('view'), 'Peek') },
    ],
  })
  const notices = el('div', { class: 'notices stack' }), card = el('div', { class: 'card flush' })
  fill(root,
    el('div', { class: 'head' }, el('h1', null, topic ? ['Queues of ', topic] : 'Queues'), summary, topic && el('a', { href: ctx.link('queues') }, 'of all topics'), field.element),
    notices, card)

  function keep() {
    ctx.set({ topic, q, sort })
    draw()
  }

  async function ask(signal) {
    try {
      const topics = topic ? [topic] : await withQueues(ctx, signal)
      const asked = { queues: [], complete: true, problems: [], topics: topics.slice(0, mostTopics) }
      if (topics.length > mostTopics) asked.problems.push(`The queues of the first ${count(mostTopics)} topics are shown, of ${count(topics.length)}: those of another one are shown from its line in Topics.`)
      const left = [...asked.topics]
      await Promise.all(Array.from({ length: atOnce }, async () => {
        for (let name = left.shift(); name !== undefined; name = left.shift()) {
          try {
            const said = await ctx.api.get(`/v1/topics/${encodeURIComponent(name)}/queues`, { signal })
            asked.complete &&= said.complete
            asked.queues.push(...said.queues.map((entry) => ({ topic: name, ...entry })))
          } catch (error) {
            if (signal.aborted) return
            asked.problems.push(topic ? error.message : `${name}: ${error.message}`)
          }
        }
      }))
      asked.queues.sort((a, b) => a.topic.localeCompare(b.topic) || a.queue.localeCompare(b.queue))
      list = asked
    } catch (error) {
      if (!signal.aborted) list = { queues: list?.queues ?? [], complete: true, topics: [], problems: [error.message] }
    }
    if (!signal.aborted) draw()
  }

  function draw() {
    if (!list) return
    const found = list.queues.filter((entry) => `${entry.topic} ${entry.queue}`.toLowerCase().includes(q.toLowerCase()))
    text(summary, q ? `${count(found.length)} of ${count(list.queues.length)}` : count(list.queues.length))
    fill(notices, list.problems.slice(0, 10).map((problem) => notice('bad', problem)),
      !list.complete && notice('', 'Not every broker lists its queues: of those that do not, what this node has seen is here.'))
    notices.hidden = notices.childElementCount === 0
    if (found.length > 0) {
      rows.update(found, sort ? { id: sort.replace(/^-/, ''), down: sort.startsWith('-') } : null)
      if (card.firstChild !== rows.element) fill(card, rows.element)
    } else if (q && list.queues.length > 0) {
      fill(card, el('div', { class: 'empty' }, icon('search'), el('h2', null, `No queue has “${q}” in its name`)))
    } else {
      fill(card, el('div', { class: 'empty' }, icon('queues'), el('h2', null, 'No queues yet'),
        el('p', null, 'A queue begins when it is first joined: its members get each message of the topic once among them.'),
        el('p', null, el('code', null, `culvert tail ${topic || 'orders'} --queue billing`))))
    }
  }

  const turn = poll(ask, 3000)
  return {
    update(now) {
      q = now.get('q') ?? ''
      sort = now.get('sort') ?? ''
      field.set(q)
      draw()
    },
    stop: () => turn.stop(),
  }
}

/** The topics that may have queues. @param {import('./main.js').Context} ctx @param {AbortSignal} signal @returns {Promise<string[]>} */
async function withQueues(ctx, signal) {
  const { topics } = await ctx.api.get('/admin/topics', { signal })
  return topics.filter(({ queues }) => queues !== 0).map(({ topic }) => topic)
}

// ── one queue ──

/** @param {HTMLElement} root @param {import('./main.js').Context} ctx @param {string} topic @param {string} queue */
function one(root, ctx, topic, queue) {
  const path = pathOf(topic, queue)
  /** @type {any} what the bridge said last */
  let state = null
  const trouble = el('div', { class: 'notices', role: 'status' })
  const figure = (name, title) => {
    const value = el('span', { class: 'value', 'data-figure': name }, '–')
    return [el('div', { class: 'figure' }, el('span', { class: 'label' }, title), value), value]
  }
  const [members, membersIs] = figure('members', 'Members'), [flight, flightIs] = figure('in_flight', 'In flight'), [oldest, oldestIs] = figure('oldest', 'Oldest unsettled'), [lag, lagIs] = figure('lag', 'Lag')
  const facts = el('dl', { class: 'facts' })
  const rows = el('tbody'), partitions = el('div', { class: 'card flush table' }, el('table', { class: 'rows' },
    el('caption', { class: 'hidden' }, 'Partitions'),
    el('thead', null, el('tr', null, [['Partition'], ['Committed', 'number'], ['End', 'number'], ['Lag', 'number'], ['Share of the lag']].map(([title, kind]) => el('th', { scope: 'col', class: kind }, title)))), rows))
  const dead = letters(ctx, topic, queue)
  const button = (label, kind, onclick) => el('button', { type: 'button', class: kind, onclick }, label)
  fill(root,
    el('div', { class: 'head' }, el('nav', { class: 'crumbs', 'aria-label': 'Where this is' }, el('a', { href: ctx.link('queues') }, 'Queues'), el('a', { href: ctx.link('queues', { topic }) }, topic)), el('h1', null, queue),
      el('div', { class: 'bar end' },
        el('a', { class: 'button', href: ctx.link('view', { topic, queue, mode: 'peek', on: true }) }, icon('view'), 'Peek'),
        el('a', { class: 'button', href: ctx.link('view', { topic, queue, mode: 'join' }) }, icon('play'), 'Join'),
        button('Reset …', 'ghost', move),
        button('Delete …', 'ghost', forget))),
    trouble,
    el('div', { class: 'card four' }, members, flight, oldest, lag),
    el('div', { class: 'columns' }, partitions, el('div', { class: 'card' }, el('h2', null, 'What holds for its members'), facts)),
    dead.element)

  async function ask(signal) {
    try {
      state = await ctx.api.get(path, { signal })
      fill(trouble)
    } catch (error) {
      if (signal.aborted) return
      fill(trouble, notice('bad', error.message))
      if (error.status === 404) state = null
    }
    draw()
  }

  function draw() {
    text(membersIs, count(state?.members))
    text(flightIs, count(state?.in_flight))
    text(oldestIs, state?.oldest_unsettled_ms === 0 ? 'none' : duration(state?.oldest_unsettled_ms))
    text(lagIs, count(state?.lag))
    const places = state?.partitions ?? []
    partitions.hidden = places.length === 0
    const most = Math.max(1, ...places.map(({ lag }) => lag ?? 0))
    fill(rows, places.map(({ partition, committed, end, lag }) => el('tr', { 'data-partition': partition },
      el('th', { scope: 'row' }, String(partition)),
      el('td', { class: 'number', 'data-label': 'Committed' }, committed === null ? '–' : String(committed)),
      el('td', { class: 'number', 'data-label': 'End' }, end === null ? '–' : String(end)),
      el('td', { class: 'number', 'data-label': 'Lag' }, count(lag)),
      el('td', { class: 'share' }, el('div', { class: 'meter' }, el('div', { style: { width: `${100 * (lag ?? 0) / most}%` } }))))))
    fill(facts, state && [
      ['Order', state.order === 'key' ? 'messages of one key one after the other' : 'none'],
      ['Lease', duration(state.lease_ms)],
      ['Tries', state.max_attempts === 0 ? 'without end' : count(state.max_attempts)],
      ['Dead letters', state.dead_letter ? el('a', { href: ctx.link('view', { topic: state.dead_letter, from: 'earliest' }) }, state.dead_letter) : 'none'],
    ].map(([name, value]) => [el('dt', null, name), el('dd', null, value)]))
    dead.update(state)
  }

  async function move() {
    if (state && await reset(ctx, path, state)) turn.now()
  }

  async function forget() {
    if (!state) return
    const waiting = state.lag === null ? 'What waits' : state.lag === 0 ? 'Nothing waits, and what comes' : `The ${count(state.lag)} messages that wait`
    const sure = await confirm(`Delete ${queue}?`, [
      el('p', null, `The bridge forgets how far ${queue} is. ${waiting} will not be given to its members.`),
      el('p', null, 'Whoever joins it next begins it anew, at the end of the topic unless it asks for another place. The messages stay in the topic, and the dead letters in theirs; on RabbitMQ what waits in the queue goes with it.'),
      state.members > 0 && notice('warn', `${count(state.members)} members are in it. The bridge refuses while anyone is.`),
    ], 'Delete the queue')
    if (!sure) return
    try {
      await ctx.api.remove(path)
      ctx.toast(`${queue} is deleted`, 'good')
      ctx.go('queues', { topic })
    } catch (error) {
      ctx.toast(error.message, 'bad')
    }
  }

  const turn = poll(ask, 2000)
  return {
    update() {},
    stop() {
      turn.stop()
      dead.stop()
    },
  }
}

function notice(kind, said) {
  return el('p', { class: `notice ${kind}` }, icon('warn'), el('span', null, said))
}
