// Who is connected to this node, what they do, and whether they keep up.

import { base } from './base.js'
import { code } from './copy.js'
import { confirm } from './dialog.js'
import { el, fill, icon, text } from './dom.js'
import { brief, bytes, count, duration, moment, rate, since } from './format.js'
import { poll } from './poll.js'
import { search } from './search.js'
import { table } from './table.js'

const most = 300 // rows that are asked for
const late = 10_000 // messages, or ms, from which who is behind is marked

const protocols = { sse: 'SSE', ndjson: 'NDJSON', 'ws-json': 'WebSocket, JSON', 'ws-raw': 'WebSocket, raw', 'post-ndjson': 'POST, NDJSON' }

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'connections',
  title: 'Connections',
  key: 'c',
  mount(root, ctx) {
    let { q, sort, paused } = read(ctx.params)
    /** @type {any} what the bridge said last */
    let list = null

    const summary = el('small', { role: 'status' })
    const field = search('Search connections', q, value => {
      q = value
      ctx.set(written())
      turn.now()
    })
    const hold = el('button', { type: 'button', class: 'end', onclick: () => {
      paused = !paused
      ctx.set(written())
      drawHold()
      turn.pause(paused)
    } })
    const trouble = el('p', { class: 'notice bad', role: 'alert', hidden: true })
    const rows = table({
      caption: 'Connections',
      key: c => c.id,
      sorted: (id, down) => {
        sort = { id, down }
        ctx.set(written())
        draw()
      },
      columns: [
        { id: 'remote', title: 'Client', value: c => c.remote, of: c => [c.remote, c.user_agent], cell: c => two(c.remote, program(c.user_agent), c.user_agent) },
        { id: 'protocol', title: 'Protocol', value: c => c.protocol, of: c => [c.protocol, c.http], cell: c => two(protocols[c.protocol] ?? c.protocol, `HTTP/${c.http}`) },
        { id: 'views', title: 'Does', class: 'wide', of: c => c.views.map(v => [v.topic, v.queue, v.mode]), cell: does },
        { id: 'rate', title: 'Rate', hint: 'Messages a second, in both directions', number: true, down: true, value: c => c.rate, text: c => rate(c.rate) },
        { id: 'behind', title: 'Behind', hint: 'Messages that this node has and the client was not given yet, and since when', number: true, down: true, value: behind, of: c => [behind(c), behindMS(c)], cell: lag },
        { id: 'bytes', title: 'Sent', number: true, down: true, value: c => c.bytes_out, text: c => bytes(c.bytes_out) },
        { id: 'since', title: 'For', hint: 'How long it has been connected', number: true, value: c => -Date.parse(c.since), down: true, of: c => since(c.since), cell: c => el('time', { datetime: c.since, title: moment(c.since) }, since(c.since)) },
        {
          id: 'actions', title: '', class: 'actions', of: c => c.id, cell: c =>
            el('button', { type: 'button', class: 'ghost small', 'aria-label': `Disconnect ${c.remote}, ${protocols[c.protocol] ?? c.protocol}`, onclick: () => disconnect(c) }, icon('close'), 'Disconnect'),
        },
      ],
    })
    const card = el('div', { class: 'card flush' })
    const more = el('p', { class: 'dim' })
    fill(root,
      el('div', { class: 'head' }, el('h1', null, 'Connections'), summary, hold, field.element),
      trouble, card, more)

    function does(c) {
      if (c.views.length === 0) return el('span', { class: 'dim' }, 'nothing yet')
      return el('div', { class: 'chips' }, c.views.map(v => el('span', { class: 'chip' },
        el('span', { class: 'dim' }, modes[v.mode] ?? v.mode),
        v.queue
          ? el('a', { href: ctx.link('queues', { topic: v.topic, queue: v.queue }) }, `${v.topic} / ${v.queue}`)
          : el('a', { href: ctx.link('view', { topic: v.topic, on: true }) }, v.topic))))
    }

    function written() {
      return { q, sort: sort && (sort.down ? '-' : '') + sort.id, paused }
    }

    async function ask(signal) {
      const asked = q
      try {
        const answer = await ctx.api.get(`/admin/connections?${new URLSearchParams({ limit: String(most), ...(asked && { q: asked }) })}`, { signal })
        if (asked !== q) return // the next one is under way
        list = answer
        trouble.hidden = true
      } catch (error) {
        if (signal.aborted) return
        text(trouble, error.message)
        trouble.hidden = false
      }
      draw()
    }

    function draw() {
      if (!list) return
      const { connections, total } = list
      text(summary, q ? `${count(total)} found` : count(total))
      if (connections.length > 0) {
        rows.update(connections, sort)
        if (card.firstChild !== rows.element) fill(card, rows.element)
      } else if (q) {
        fill(card, el('div', { class: 'empty' }, icon('search'), el('h2', null, `No connection is about “${q}”`),
          el('div', { class: 'bar' }, el('button', { type: 'button', onclick: () => ctx.go('connections', { ...written(), q: '' }) }, 'Show all'))))
      } else if (!card.querySelector('.first')) {
        fill(card, nobody())
      }
      text(more, total > connections.length ? `The newest ${count(connections.length)} are shown. A search finds the others.` : '')
      more.hidden = total <= connections.length
    }

    function nobody() {
      return el('div', { class: 'empty first' }, icon('connections'),
        el('h2', null, 'Nobody is connected'),
        el('p', null, 'Streams and sockets are here while they are open. Open one from a terminal:'),
        code('A view', ctx.toast, `curl -N ${base(ctx.info)}/v1/topics/hello/events`).element,
        el('div', { class: 'bar' }, el('a', { class: 'button', href: ctx.link('topics') }, icon('topics'), 'Choose a topic')))
    }

    function drawHold() {
      fill(hold, icon(paused ? 'play' : 'pause'), paused ? 'Go on' : 'Pause')
      hold.title = paused ? 'What is shown stays as it is' : 'What is shown changes every two seconds'
    }

    async function disconnect(c) {
      const sure = await confirm(`Disconnect ${c.remote}?`, [
        el('p', null, 'The client is told that its connection ends and that it may come back. Most do so by themselves, within seconds: a view goes on where it was, and misses nothing; what a member has not settled goes to another one.'),
        el('dl', { class: 'facts' },
          el('dt', null, 'Program'), el('dd', null, program(c.user_agent)),
          el('dt', null, 'Protocol'), el('dd', null, `${protocols[c.protocol] ?? c.protocol}, HTTP/${c.http}`),
          el('dt', null, 'Connected for'), el('dd', null, since(c.since))),
      ], 'Disconnect')
      if (!sure) return
      try {
        await ctx.api.remove(`/admin/connections/${encodeURIComponent(c.id)}`)
        ctx.toast(`${c.remote} was disconnected.`, 'good')
      } catch (error) {
        ctx.toast(error.message, 'bad')
      }
      turn.now()
    }

    const turn = poll(ask, 2000)
    if (paused) turn.pause(true)
    drawHold()
    return {
      update(params) {
        const before = paused
        ;({ q, sort, paused } = read(params))
        field.set(q)
        drawHold()
        if (paused !== before) turn.pause(paused)
        draw()
        turn.now()
      },
      unmount: () => turn.stop(),
    }
  },
}

const modes = { view: 'views', peek: 'peeks', join: 'joins', inject: 'injects' }

/** @param {URLSearchParams} params */
function read(params) {
  const sort = params.get('sort')
  return { q: params.get('q') ?? '', sort: sort ? { id: sort.replace(/^-/, ''), down: sort.startsWith('-') } : null, paused: params.has('paused') }
}

/** What is to be known first, and what it is more closely. */
function two(one, other, title) {
  return [el('span', null, one), el('small', { class: 'under', title: title !== other && title }, other)]
}

/** The most of what the views of a connection say; null where none of them knows. */
const greatest = (c, name) => c.views.reduce((n, v) => v[name] === null ? n : Math.max(n ?? 0, v[name]), null)
const behind = c => greatest(c, 'behind')
const behindMS = c => greatest(c, 'behind_ms')

function lag(c) {
  const n = behind(c), ms = behindMS(c)
  if (n === null) return el('span', { class: 'dim' }, '–')
  const said = n > 0 && ms !== null ? `${brief(n)} · ${duration(ms)}` : brief(n)
  return el('span', { class: n > late || ms > late ? 'badge warn' : null }, said)
}

/** What a User-Agent names: of all that a browser claims to be, what it is. @param {string | null} agent */
function program(agent) {
  if (!agent) return 'says no name'
  // Those that claim to be another one come first.
  const named = /(Edg|OPR)\/(\d+)/.exec(agent) ?? /(Firefox|HeadlessChrome|Chrome)\/(\d+)/.exec(agent) ?? /(Version)\/(\d+)[.\d]* .*Safari/.exec(agent)
  if (!named) return agent.length > 60 ? `${agent.slice(0, 60)}…` : agent
  const system = /Windows|Android|iPhone|iPad|Mac OS X|Linux/.exec(agent)?.[0].replace(' OS X', '')
  const name = { Edg: 'Edge', OPR: 'Opera', HeadlessChrome: 'Chrome', Version: 'Safari' }[named[1]] ?? named[1]
  return `${name} ${named[2]}${system ? ` on ${system}` : ''}`
}
