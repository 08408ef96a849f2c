// How the node fares, and by which settings it runs.

import { chart } from './chart.js'
import { el, fill, icon, text } from './dom.js'
import { brief, bytes, count, duration, moment, rate, since } from './format.js'
import { poll } from './poll.js'
import { search } from './search.js'
import { table } from './table.js'

// Charts go on where they were when their panel is shown again.
const went = { in: [], out: [], bytes_out: [] }

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'health',
  title: 'Health',
  key: 'h',
  mount(root, ctx) {
    let { q, changed } = read(ctx.params)
    /** @type {any[] | null} */
    let settings = null

    const state = el('span', { class: 'state', role: 'status' }, 'asking')
    const up = el('small')
    const trouble = el('p', { class: 'notice bad', hidden: true })
    const rates = { in: chart('Injected', rate, went.in), out: chart('Delivered', rate, went.out), bytes_out: chart('Written', n => `${bytes(n)}/s`, went.bytes_out) }
    const gauges = {
      memory: gauge('Memory'), connections: gauge('Connections'), descriptors: gauge('Descriptors'), goroutines: gauge('Goroutines'),
    }
    const brokers = el('ul', { class: 'brokers' })
    const field = search('Search settings', q, value => {
      q = value
      ctx.set({ q, changed })
      drawSettings()
    })
    const own = el('input', { type: 'checkbox', checked: changed, onchange: () => {
      changed = own.checked
      ctx.set({ q, changed })
      drawSettings()
    } })
    const rows = table({
      caption: 'The effective configuration',
      key: s => s.key,
      sorted() {},
      columns: [
        { id: 'key', title: 'Setting', class: 'mono', text: s => s.key },
        { id: 'value', title: 'Value', class: 'wide wrap mono', of: s => [s.value, s.secret], cell: s => s.secret ? secret(s) : plain(s.value) },
        { id: 'source', title: 'From', of: s => s.source, cell: s => el('span', { class: s.source === 'default' ? 'dim' : 'badge accent' }, s.source) },
      ],
    })
    const config = el('div', { class: 'card flush' }, el('div', { class: 'empty' }, 'asking'))
    const found = el('small', { role: 'status' })
    fill(root,
      el('div', { class: 'head' }, el('h1', null, 'Health'), state, up),
      trouble,
      el('div', { class: 'halves' },
        el('div', { class: 'stack' },
          el('div', { class: 'cards' }, Object.values(rates).map(r => el('div', { class: 'card' }, r.element))),
          el('div', { class: 'cards' }, Object.values(gauges).map(g => g.element)),
          el('section', { class: 'card', 'aria-labelledby': 'brokers-title' }, el('h2', { id: 'brokers-title' }, 'Brokers'), brokers)),
        el('section', { class: 'stack', 'aria-labelledby': 'config-title' },
          el('div', { class: 'head' }, el('h2', { id: 'config-title' }, 'Configuration'), found, el('label', { class: 'check end' }, own, 'Only what is not the default'), field.element),
          config)))

    async function ask(signal) {
      try {
        if (!settings) {
          settings = await ctx.api.get('/admin/config', { signal })
          drawSettings()
        }
        draw(await ctx.api.get('/admin/health', { signal }))
        trouble.hidden = true
      } catch (error) {
        if (signal.aborted) return
        text(trouble, error.message)
        trouble.hidden = false
      }
    }

    function draw(h) {
      text(state, h.memory.overloaded ? 'overloaded' : h.ready ? 'ready' : 'not ready')
      state.className = `state ${h.ready && !h.memory.overloaded ? 'good' : 'warn'}`
      text(up, `up ${duration(h.uptime_s * 1000)}`)
      for (const [id, one] of Object.entries(rates)) one.push(h.rates[id])
      gauges.memory.set(bytes(h.memory.heap), h.memory.heap, h.memory.limit, bytes)
      gauges.connections.set(count(h.connections.open), h.connections.open, h.connections.limit, count)
      gauges.descriptors.set(count(h.descriptors.open), h.descriptors.open, h.descriptors.limit, brief)
      gauges.goroutines.set(count(h.goroutines), h.goroutines, null, count)
      const said = JSON.stringify(h.brokers.map(b => [b, since(b.since)]))
      if (brokers.dataset.said === said) return
      brokers.dataset.said = said
      fill(brokers, h.brokers.map(b => el('li', null,
        el('div', { class: 'bar' }, el('strong', null, b.name), b.kind !== b.name && el('span', { class: 'dim' }, b.kind),
          el('span', { class: `state ${b.reachable ? 'good' : 'bad'}` }, b.reachable ? 'reachable' : 'unreachable'),
          b.since && el('small', { title: moment(b.since) }, `for ${since(b.since)}`)),
        b.detail && el('p', { class: 'bad wrap' }, b.detail))))
    }

    function drawSettings() {
      if (!settings) return
      const wanted = q.toLowerCase()
      const some = settings.filter(s => (!changed || s.source !== 'default') && (s.key.toLowerCase().includes(wanted) || !s.secret && plain(s.value).textContent.toLowerCase().includes(wanted)))
      text(found, some.length === settings.length ? count(some.length) : `${count(some.length)} of ${count(settings.length)}`)
      if (some.length > 0) {
        rows.update(some, null)
        fill(config, rows.element)
      } else {
        fill(config, el('div', { class: 'empty' }, icon('search'), el('strong', null, q ? `No setting is like “${q}”` : 'All is as it is by default')))
      }
    }

    const turn = poll(ask, 2000)
    return {
      update(params) {
        ({ q, changed } = read(params))
        field.set(q)
        own.checked = changed
        drawSettings()
      },
      unmount: () => turn.stop(),
    }
  },
}

/** @param {URLSearchParams} params */
const read = params => ({ q: params.get('q') ?? '', changed: params.has('changed') })

/** A card that says how much of what there may be is used. */
function gauge(title) {
  const value = el('span', { class: 'value' }, '–'), rest = el('small'), bar = el('div'), meter = el('div', { class: 'meter', 'aria-hidden': 'true' }, bar)
  return {
    element: el('div', { class: 'card figure' }, el('span', { class: 'label' }, title), value, rest, meter),
    set(said, used, limit, write) {
      text(value, said)
      text(rest, limit ? `of ${write(limit)}` : title === 'Goroutines' ? '' : 'without a limit')
      meter.hidden = !limit
      if (!limit) return
      const share = Math.min(1, used / limit)
      bar.style.width = `${(share * 100).toFixed(1)}%`
      meter.className = `meter ${share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : ''}`
    },
  }
}

function plain(value) {
  if (value === null || value === '' || Array.isArray(value) && value.length === 0) return el('span', { class: 'dim' }, 'none')
  return el('span', null, typeof value === 'string' ? value : JSON.stringify(value))
}

function secret(s) {
  return el('span', { class: 'bar dim' }, icon('lock'), s.value === '' || s.value === null ? 'none' : 'hidden')
}
