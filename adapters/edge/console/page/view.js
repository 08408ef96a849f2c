// A topic, live.

import { el, fill } from './dom.js'

const most = 500 // rows that are kept

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'view',
  title: 'View',
  key: 'v',
  mount(root, ctx) {
    /** @type {EventSource | null} */
    let source = null
    const state = el('small', { role: 'status' }, 'not viewing')
    const topic = el('input', { required: true, pattern: '[A-Za-z0-9._\\-]{1,249}', autocomplete: 'off' })
    const from = el('select', null, [['latest', 'from now on'], ['-10', 'the last 10'], ['-100', 'the last 100'], ['earliest', 'from the beginning']].map(([value, said]) => el('option', { value }, said)))
    const key = el('input', { autocomplete: 'off' })
    const rows = el('tbody')
    const scroll = el('div', { class: 'card flush table', tabindex: '0', role: 'group', 'aria-label': 'Events' },
      el('table', null, el('thead', null, el('tr', null, ['Time', 'Place', 'Key', 'What'].map(t => el('th', { scope: 'col' }, t)))), rows))
    fill(root,
      el('div', { class: 'head' }, el('h1', null, 'View'), state),
      el('form', { class: 'row', onsubmit: event => {
        event.preventDefault()
        ctx.set(written())
        view()
      } },
      el('label', { class: 'field' }, el('span', null, 'Topic'), topic),
      el('label', { class: 'field' }, el('span', null, 'From'), from),
      el('label', { class: 'field' }, el('span', null, 'Key'), key),
      el('button', { class: 'primary' }, 'View'),
      el('button', { type: 'button', onclick: stop }, 'Stop'),
      el('button', { type: 'button', onclick: () => fill(rows) }, 'Clear')),
      scroll)

    const written = () => ({ topic: topic.value, from: from.value, key: key.value })
    const now = () => new Date().toISOString().slice(11, 23)

    function row(...cells) {
      const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40
      rows.append(el('tr', null, cells.map(c => el('td', { class: 'mono wrap' }, c))))
      while (rows.childElementCount > most) rows.firstElementChild.remove()
      if (atEnd) scroll.scrollTop = scroll.scrollHeight
    }

    function stop() {
      source?.close()
      source = null
      state.textContent = 'not viewing'
    }

    function view() {
      stop()
      const query = new URLSearchParams({ envelope: '1', from: from.value })
      if (key.value) query.set('key', key.value)
      const path = `/v1/topics/${encodeURIComponent(topic.value)}/events?${query}`
      source = new EventSource(path)
      source.onmessage = event => {
        const m = JSON.parse(event.data)
        const deleted = m.payload === null
        row((m.time ?? '').slice(11, 23), m.partition == null ? '' : `${m.partition}:${m.offset}`, m.key ?? (m.key64 ? `base64:${m.key64}` : ''),
          deleted ? 'delete' : m.text ?? (m.base64 === undefined ? JSON.stringify(m.payload) : `base64: ${m.base64}`))
      }
      source.addEventListener('gap', event => {
        const g = JSON.parse(event.data)
        row(now(), g.partition ?? '', '', `gap (${g.reason}): ${g.lost ?? 'an unknown number of'} messages are lost to this viewer`)
      })
      source.addEventListener('ready', event => { state.textContent = `viewing ${JSON.parse(event.data).topics.join(', ')}` })
      source.addEventListener('bye', event => {
        const b = JSON.parse(event.data)
        row(now(), '', '', `bye (${b.reason})`)
        if (!b.reconnect) stop()
      })
      source.onerror = () => {
        if (source?.readyState !== EventSource.CLOSED) {
          state.textContent = 'reconnecting…'
          return
        }
        stop()
        ctx.api.get(path, { headers: { Accept: 'text/event-stream' }, signal: AbortSignal.timeout(3000) }).catch(error => ctx.toast(error.message, 'bad'))
      }
      state.textContent = 'connecting…'
    }

    function update(params) {
      topic.value = params.get('topic') ?? ''
      from.value = params.get('from') ?? 'latest'
      key.value = params.get('key') ?? ''
      if (topic.value) view()
      else stop()
    }

    update(ctx.params)
    return { update, unmount: stop }
  },
}
