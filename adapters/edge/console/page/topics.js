// What topics there are, and what happens on them.

import { base } from './base.js'
import { code } from './copy.js'
import { el, fill, icon, text } from './dom.js'
import { brief, count, rate } from './format.js'
import { guide } from './guide.js'
import { poll } from './poll.js'
import { search } from './search.js'
import { recall, remember } from './stored.js'
import { table } from './table.js'

const most = 300 // rows that are drawn

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'topics',
  title: 'Topics',
  key: 't',
  mount(root, ctx) {
    let { q, sort } = read(ctx.params)
    /** @type {any} what the bridge said last */
    let list = null
    let trouble = ''

    const summary = el('small', { role: 'status' })
    const field = search('Search topics', q, value => {
      q = value
      ctx.set(written())
      draw()
    })
    const welcome = el('div', { hidden: true })
    const notices = el('div', { class: 'notices' })
    const rows = table({
      caption: 'Topics',
      most,
      key: ({ broker, topic }) => `${broker} ${topic}`,
      sorted: (id, down) => {
        sort = { id, down }
        ctx.set(written())
        draw()
      },
      columns: [
        { id: 'topic', title: 'Topic', value: t => t.topic, of: t => [t.topic, t.messages === null], cell: t => el('a', { href: live(t) }, t.topic) },
        { id: 'broker', title: 'Broker', value: t => t.broker, text: t => t.broker === t.kind || !t.kind ? t.broker : `${t.broker} (${t.kind})`, class: 'quiet' },
        { id: 'partitions', title: 'Partitions', number: true, down: true, value: t => t.partitions ?? null, text: t => count(t.partitions) },
        { id: 'messages', title: 'Messages', number: true, down: true, value: t => t.messages ?? null, text: t => brief(t.messages) },
        { id: 'rate', title: 'Rate', hint: 'Messages a second, of topics that somebody views on this node', number: true, down: true, value: t => t.rate ?? null, text: t => rate(t.rate) },
        { id: 'viewers', title: 'Viewers', number: true, down: true, value: t => t.viewers ?? null, text: t => count(t.viewers) },
        { id: 'queues', title: 'Queues', number: true, down: true, value: t => t.queues ?? null, text: t => count(t.queues) },
        {
          id: 'actions', title: '', class: 'actions', of: t => [t.topic, t.messages === null], cell: t => ['view', 'inject', 'queues'].map(id =>
            el('a', { class: 'button ghost small', href: id === 'view' ? live(t) : ctx.link(id, { topic: t.topic }), 'aria-label': `${names[id]} ${t.topic}` }, icon(id), names[id])),
        },
      ],
    })
    const card = el('div', { class: 'card flush' })
    const more = el('p', { class: 'dim' })
    fill(root,
      el('div', { class: 'head' }, el('h1', null, 'Topics'), summary, field.element),
      welcome, notices, card, more)

    /** The link to what a topic carries, from the last messages on where its broker has them. */
    function live({ topic, messages }) {
      return ctx.link('view', { topic, from: messages === null ? '' : '-100', on: true })
    }

    function drawGuide(params) {
      const wanted = ctx.info.demo && (params.has('guide') || recall('guide') !== 'off')
      welcome.hidden = !wanted
      if (wanted && !welcome.firstChild) fill(welcome, guide(ctx, () => {
        remember('guide', 'off')
        ctx.set(written())
        drawGuide(new URLSearchParams())
      }))
    }

    function written() {
      return { q, sort: sort && (sort.down ? '-' : '') + sort.id }
    }

    async function ask(signal) {
      try {
        list = await ctx.api.get('/admin/topics', { signal })
        trouble = ''
      } catch (error) {
        if (signal.aborted) return
        trouble = error.message
      }
      draw()
    }

    function draw() {
      drawNotices()
      if (!list) {
        if (!trouble) text(summary, 'asking the brokers …')
        return
      }
      const wanted = q.toLowerCase()
      const found = list.topics.filter(t => t.topic.toLowerCase().includes(wanted))
      const all = list.topics.length
      text(summary, q ? `${count(found.length)} of ${count(all)}` : count(all))
      if (found.length > 0) {
        rows.update(found, sort)
        if (card.firstChild !== rows.element) fill(card, rows.element)
      } else if (all > 0) {
        fill(card, el('div', { class: 'empty' }, icon('search'), el('h2', null, `No topic has “${q}” in its name`),
          el('div', { class: 'bar' }, el('button', { type: 'button', onclick: () => ctx.go('topics', { sort: written().sort }) }, 'Show all'))))
      } else if (!card.querySelector('.first')) {
        fill(card, list.unreachable?.length ? unreachable() : first())
      }
      text(more, found.length > most ? `The first ${count(most)} are shown. A search finds the others.` : '')
      more.hidden = found.length <= most
    }

    function drawNotices() {
      const all = [
        trouble && notice('bad', trouble),
        ...(list?.unreachable ?? []).map(({ broker, detail }) => notice('warn', [el('strong', null, `${broker} cannot be reached`), detail ? `: ${detail}` : '', '. Only those of its topics are here that this node knows.'])),
        list && !list.complete && !list.unreachable?.length && notice('', 'Not every broker lists its topics: of those that do not, what this node has seen is here. Any other can be viewed by its name.'),
      ].filter(Boolean)
      const said = JSON.stringify(all.map(n => n.textContent))
      if (notices.dataset.said === said) return
      notices.dataset.said = said
      notices.hidden = all.length === 0
      fill(notices, all)
    }

    /** There is nothing yet: what to do next. */
    function first() {
      return el('div', { class: 'empty first' }, icon('topics'),
        el('h2', null, 'No topics yet'),
        el('p', null, 'A topic begins with its first message. Send one from a terminal, or from here:'),
        code('The first message', ctx.toast, `curl -d '{"hello":"world"}' ${base(ctx.info)}/v1/topics/hello/messages`).element,
        el('div', { class: 'bar' },
          el('a', { class: 'button primary', href: ctx.link('inject', { topic: 'hello' }) }, icon('inject'), 'Inject a message')),
        el('p', null, el('code', null, 'culvert serve --demo'), ' makes up prices and orders, where you would rather see something going on.'))
    }

    function unreachable() {
      return el('div', { class: 'empty first' }, icon('warn'),
        el('h2', null, 'No topics are known'),
        el('p', null, 'They are here as soon as a broker can be reached. The bridge keeps trying.'))
    }

    drawGuide(ctx.params)
    const turn = poll(ask, 2000)
    return {
      update(params) {
        ({ q, sort } = read(params))
        field.set(q)
        drawGuide(params)
        draw()
      },
      unmount: () => turn.stop(),
    }
  },
}

const names = { view: 'View', inject: 'Inject', queues: 'Queues' }

/** @param {URLSearchParams} params */
function read(params) {
  const sort = params.get('sort')
  return { q: params.get('q') ?? '', sort: sort ? { id: sort.replace(/^-/, ''), down: sort.startsWith('-') } : null }
}

function notice(kind, said) {
  return el('p', { class: `notice ${kind}` }, icon('warn'), el('span', null, said))
}
