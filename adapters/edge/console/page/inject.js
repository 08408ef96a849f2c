// Writing to a topic: one message, many, or so many a second.

import { answers } from './answers.js'
import { base as publicBase } from './base.js'
import { code } from './copy.js'
import { el, fill, icon, text } from './dom.js'
import { bytes } from './format.js'
import { frames } from './frames.js'
import { batch, most, post, pub, socket } from './sender.js'
import { expand, notJSON } from './template.js'

const samples = {
  price: '{\n  "symbol": "GOOG",\n  "price": {{random 100 200}},\n  "time": "{{time}}"\n}',
  order: '{\n  "order": {{n}},\n  "id": "{{uuid}}",\n  "quantity": {{random 1 10}}\n}',
  greeting: '{"hello": "world", "n": {{n}}}',
}

const ways = { ws: 'WebSocket', post: 'POST' }
const kinds = { json: 'JSON', text: 'Text', file: 'File', tombstone: 'Tombstone' }
const amounts = { one: 'One', many: 'Many', rate: 'At a rate' }
const states = { connecting: ['busy', 'connecting'], live: ['good', 'connected'], waiting: ['warn', 'waiting to reconnect'], ended: ['', 'not connected'] }

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'inject',
  title: 'Inject',
  key: 'i',
  shortcuts: [['Ctrl Enter', 'Inject, also from the payload']],
  mount,
}

/** @param {HTMLElement} root @param {import('./main.js').Context} ctx */
function mount(root, ctx) {
  const secure = ctx.info.url?.startsWith('https:') ?? location.protocol === 'https:'
  const over = new AbortController()
  let n = 0 // of the last message
  /** @type {{ stopped: boolean } | null} what is being sent */
  let run = null
  /** @type {{ name: string, bytes: Uint8Array } | null} */
  let chosen = null

  // ── the message ──

  const topics = el('datalist', { id: 'inject-topics' })
  const topic = el('input', { name: 'topic', required: true, pattern: '[A-Za-z0-9._\\-]{1,249}', title: 'Letters, digits, “.”, “_” and “-”', autocomplete: 'off', spellcheck: 'false', list: 'inject-topics' })
  const key = el('input', { name: 'key', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'inject-templates' })
  const headers = el('textarea', { name: 'headers', rows: 2, class: 'short', placeholder: 'name: value', spellcheck: 'false', 'aria-describedby': 'inject-templates' })
  const payload = el('textarea', { name: 'payload', rows: 8, spellcheck: 'false', 'aria-label': 'Payload', 'aria-describedby': 'inject-wrong inject-templates' })
  const file = el('input', { type: 'file', name: 'file', onchange: choose })
  const sample = el('select', { 'aria-label': 'Sample', onchange: () => {
    payload.value = samples[sample.value]
    sample.value = ''
    changed()
  } }, el('option', { value: '' }, 'Sample …'), Object.keys(samples).map((name) => el('option', { value: name }, name)))
  const wrong = el('p', { id: 'inject-wrong', class: 'bad', role: 'alert' })
  const templates = el('small', { id: 'inject-templates' }, 'Filled in, in key, headers and payload: ',
    [['{{n}}', 'counts up'], ['{{time}}', 'now'], ['{{random 1 100}}', 'a whole number'], ['{{uuid}}', 'a new UUID']].map(([hole, is], i) => [i > 0 && ', ', el('code', null, hole), ` ${is}`]), '.')
  const as = choice('as', 'Payload', kinds), send = choice('send', 'How many', amounts), via = choice('via', 'Over', ways)
  const many = el('input', { type: 'number', name: 'count', min: '1', max: '1000000', required: true, 'aria-label': 'Messages' })
  const rate = el('input', { type: 'number', name: 'rate', min: '1', max: '5000', required: true, 'aria-label': 'Messages a second' })
  const written = el('div', { class: 'field' }, payload, wrong)
  const picked = el('div', { class: 'field' }, file, el('small', null, 'Its bytes are the payload.'))
  const gone = el('p', { class: 'dim' }, 'No payload: it says that the key is gone.')
  const go = el('button', { class: 'primary' }, icon('inject'), 'Inject')
  const stop = el('button', { type: 'button', disabled: true, onclick: () => { if (run) run.stopped = true } }, icon('stop'), 'Stop')
  const form = el('form', { class: 'card form', onsubmit: (event) => {
    event.preventDefault()
    start()
  }, oninput: changed, onkeydown: (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
    event.preventDefault()
    form.requestSubmit(go)
  } },
  el('div', { class: 'pair' },
    el('label', { class: 'field' }, el('span', null, 'Topic'), topic, topics),
    el('label', { class: 'field' }, el('span', null, 'Key'), key)),
  el('label', { class: 'field' }, el('span', null, 'Headers'), headers),
  el('div', { class: 'bar' }, as.element, el('span', { class: 'end' }, sample)),
  written, picked, gone, templates,
  el('div', { class: 'row' },
    el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, 'How many'), el('div', { class: 'bar' }, send.element,
      el('label', { class: 'bar amount', 'data-for': 'many' }, many, 'messages'),
      el('label', { class: 'bar amount', 'data-for': 'rate' }, rate, 'a second'))),
    el('div', { class: 'field' }, el('span', { 'aria-hidden': 'true' }, 'Over'), via.element)),
  el('div', { class: 'bar' }, go, stop))

  // ── the connection ──

  const said = answers()
  const log = frames(ctx.toast)
  const wire = socket(log, connection, said.refused)
  const state = el('span', { class: 'state', role: 'status' })
  const connect = el('button', { type: 'button', class: 'small', onclick: () => wire.connected ? wire.disconnect() : wire.connect() }, 'Connect')
  const ssl = el('input', { type: 'checkbox', name: 'ssl', onchange: changed })
  const snippets = { url: code('URL', ctx.toast), curl: code('curl', ctx.toast), wscat: code('wscat', ctx.toast) }
  const line = (name, label) => el('div', null, el('span', { class: 'label' }, label), snippets[name].element)
  const connected = el('section', { class: 'card form', 'aria-label': 'Connection' },
    el('div', { class: 'head' }, el('h2', null, 'Connection'), state, el('div', { class: 'bar end' },
      el('label', { class: 'check', title: 'Shows the URL as it is behind a proxy that speaks TLS. It changes nothing else.' }, ssl, 'ssl'), connect)),
    line('url', 'URL'), line('curl', 'curl'), line('wscat', 'wscat'))

  fill(root,
    el('div', { class: 'head' }, el('h1', null, 'Inject')),
    el('div', { class: 'thirds' }, form, el('div', { class: 'stack' }, said.element, connected), log.element))

  /** What the URL is to say. */
  const params = () => ({
    topic: topic.value, key: key.value, header: headers.value.split('\n').filter(Boolean), as: as.value === 'json' ? '' : as.value,
    payload: payload.value === samples.price || payload.value.length > 2000 ? '' : payload.value,
    send: send.value === 'one' ? '' : send.value, count: send.value === 'many' ? many.value : '', rate: send.value === 'rate' ? rate.value : '',
    via: via.value === 'ws' ? '' : via.value, ssl: ssl.checked === secure ? '' : ssl.checked ? '1' : '0',
  })

  /** @param {URLSearchParams} asked */
  function update(asked) {
    topic.value = asked.get('topic') ?? ''
    key.value = asked.get('key') ?? ''
    headers.value = asked.getAll('header').join('\n')
    as.value = asked.get('as') ?? 'json'
    payload.value = asked.get('payload') ?? samples.price
    send.value = asked.get('send') ?? 'one'
    many.value = asked.get('count') ?? '100'
    rate.value = asked.get('rate') ?? '10'
    via.value = asked.get('via') ?? 'ws'
    ssl.checked = asked.has('ssl') ? asked.get('ssl') === '1' : secure
    draw()
  }

  function changed() {
    ctx.set(params())
    draw()
  }

  /** Shows what belongs to what is chosen. */
  function draw() {
    written.hidden = sample.hidden = as.value === 'file' || as.value === 'tombstone'
    picked.hidden = as.value !== 'file'
    gone.hidden = as.value !== 'tombstone'
    file.required = as.value === 'file'
    key.required = as.value === 'tombstone'
    for (const [input, of] of [[many, 'many'], [rate, 'rate']]) {
      input.disabled = send.value !== of
      input.parentElement.hidden = input.disabled
    }
    text(wrong, '')
    payload.removeAttribute('aria-invalid')
    headers.setCustomValidity(headers.value.split('\n').every((line) => !line.trim() || line.indexOf(':') > 0) ? '' : 'Each line is name: value')
    drawURL()
  }

  function drawURL() {
    const base = publicBase(ctx.info).replace(/^https?:/, ssl.checked ? 'https:' : 'http:'), sockets = base.replace(/^http/, 'ws')
    const name = topic.value || 'TOPIC', m = message(n + 1), quote = (word) => `'${word.replaceAll("'", "'\\''")}'`
    const to = `${base}/v1/topics/${name}/messages`
    text(snippets.url.text, via.value === 'ws' ? `${sockets}/v1/ws` : to)
    text(snippets.curl.text, ['curl', m.value === null && '-X POST', m.key !== null && `-H ${quote(`Culvert-Key: ${m.key}`)}`, m.value === null && "-H 'Culvert-Tombstone: 1'",
      ...m.headers.map(([name, value]) => `-H ${quote(`Culvert-Header: ${name}: ${value}`)}`),
      m.value !== null && (as.value === 'file' ? `--data-binary ${quote(`@${chosen?.name ?? 'FILE'}`)}` : `--data-raw ${quote(String(m.value))}`), to].filter(Boolean).join(' '))
    const of = as.value === 'file' ? '{"base64":"…"}' : pub(m)
    text(snippets.wscat.text, `npx wscat@6.1.0 -c ${sockets}/v1/ws -x ${quote(`{"op":"pub","id":"1","topic":"${name}",${of.slice(1)}`)}`)
  }

  /** @param {number} n @returns {import('./sender.js').Made} */
  function message(n) {
    return {
      n, topic: topic.value, key: key.value === '' ? null : expand(key.value, n),
      headers: headers.value.split('\n').filter((line) => line.trim()).map((line) => {
        const [, name, value] = /^([^:]*):?(.*)$/.exec(line)
        return [name.trim(), expand(value.trim(), n)]
      }),
      value: as.value === 'tombstone' ? null : as.value === 'file' ? chosen?.bytes ?? new Uint8Array() : expand(payload.value, n),
    }
  }

  async function choose() {
    const [one] = file.files
    chosen = one ? { name: one.name, bytes: new Uint8Array(await one.arrayBuffer()) } : null
    text(picked.querySelector('small'), chosen ? `${bytes(chosen.bytes.length)}, byte for byte.` : 'Its bytes are the payload.')
    drawURL()
  }

  // ── sending ──

  async function start() {
    if (run) return
    const mine = { stopped: false }
    run = mine
    // Who presses the one by a key goes on from the other.
    const pressed = document.activeElement === go && send.value !== 'one'
    stop.disabled = false
    if (pressed) stop.focus()
    go.disabled = true
    try {
      if (send.value === 'rate') await atRate(mine)
      else await some(mine, send.value === 'many' ? many.valueAsNumber : 1)
    } finally {
      run = null
      go.disabled = false
      if (document.activeElement === stop) go.focus()
      stop.disabled = true
      drawURL()
    }
  }

  async function some(mine, left) {
    while (left > 0 && !mine.stopped && give(Math.min(left, batch))) {
      left -= batch
      await room(mine)
    }
  }

  async function atRate(mine) {
    const each = rate.valueAsNumber, begun = performance.now()
    for (let given = 0; !mine.stopped;) {
      // One at once, and then as time goes by; what could not be sent in time follows, a batch at a time.
      const due = Math.min(batch, 1 + Math.floor((performance.now() - begun) / 1000 * each) - given)
      if (due > 0 && !give(due)) return
      given += Math.max(0, due)
      await Promise.all([room(mine), new Promise((resolve) => setTimeout(resolve, Math.max(10, Math.min(1000 / each, 250))))])
    }
  }

  /** Waits until more may be sent. */
  async function room(mine) {
    // Of POSTs there is one at a time, or their messages would overtake each other.
    while (said.pending > (via.value === 'ws' ? most - batch : 0) && !mine.stopped) {
      await Promise.race([said.one(), new Promise((resolve) => setTimeout(resolve, 250))])
    }
  }

  /** Sends so many more messages; false where one of them cannot be. */
  function give(howMany) {
    const messages = Array.from({ length: howMany }, (_, i) => message(n + 1 + i))
    const bad = as.value === 'json' && messages.map(({ value }) => notJSON(String(value))).find(Boolean)
    if (bad) {
      text(wrong, bad)
      payload.setAttribute('aria-invalid', 'true')
      payload.focus()
      return false
    }
    n += howMany
    said.await(messages, via.value === 'ws' ? wire.send(messages) : post(log, messages, over.signal))
    return true
  }

  /** @param {import('/culvert.js').StateDetail} detail */
  function connection({ state: now, reason, retryIn, error }) {
    const [kind, word] = states[now]
    state.className = `state ${kind}`
    const why = error?.detail ? `${error.code}: ${error.detail}` : reason
    text(state, [word, why && now !== 'live' && `(${why})`, now === 'waiting' && retryIn && `in ${(retryIn / 1000).toFixed(1)} s`].filter(Boolean).join(' '))
    text(connect, wire.connected ? 'Disconnect' : 'Connect')
  }

  async function known() {
    try {
      const { topics: all } = await ctx.api.get('/v1/topics', { signal: over.signal })
      fill(topics, all.map(({ topic }) => el('option', { value: topic })))
    } catch { /* a topic can be written, too */ }
  }

  update(ctx.params)
  connection({ state: 'ended' })
  known()
  return {
    update,
    unmount() {
      if (run) run.stopped = true
      over.abort()
      wire.disconnect()
      log.stop()
      said.stop()
    },
  }
}

/**
 * One of few, by its name.
 *
 * @param {string} name @param {string} label @param {Record<string, string>} options
 */
function choice(name, label, options) {
  const radios = Object.entries(options).map(([value]) => el('input', { type: 'radio', name: `inject-${name}` }))
  const names = Object.keys(options)
  const element = el('div', { class: 'choice', role: 'radiogroup', 'aria-label': label }, radios.map((radio, i) => el('label', null, radio, options[names[i]])))
  return {
    element,
    get value() { return names[radios.findIndex(({ checked }) => checked)] },
    set value(value) { radios[Math.max(0, names.indexOf(value))].checked = true },
  }
}
