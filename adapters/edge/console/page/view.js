import { base } from './base.js'
import { chart } from './chart.js'
import { copy } from './copy.js'
import { details, lostOf, nameOf } from './details.js'
import { el, fill, icon, text } from './dom.js'
import { brief, bytes, count, duration, rate } from './format.js'
import { Found, Kept, lineOf } from './kept.js'
import { list } from './list.js'
import { inLine } from './payload.js'
import { Reading } from './reading.js'
import { save as keep } from './save.js'
import { isMany, snippets, topicPath, topicsOf } from './snippets.js'
import { paramsOf, wishForm, wishOf } from './wish.js'

/** So much is kept of what was shown: rows, and their bytes. While the list is paused what it shows is kept besides. */
const mostRows = 50_000, mostBytes = 64 << 20

const clock = (ms) => {
  const t = new Date(ms), two = (n) => String(n).padStart(2, '0')
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}.${String(t.getMilliseconds()).padStart(3, '0')}`
}

const payloadOf = (row) => {
  if (row.kind === 'gap') return 'gap: ' + lostOf(row)
  if (row.kind === 'delete') return 'tombstone'
  return row.text === undefined ? nameOf(row.bytes) : inLine(row.text)
}

const columns = [
  { name: 'time', title: 'Time', text: (row) => clock(row.time ?? row.at) },
  { name: 'partition', title: 'Part.', text: (row) => String(row.partition ?? '') },
  { name: 'offset', title: 'Offset', text: (row) => String(row.offset ?? '') },
  { name: 'key', title: 'Key', text: (row) => inLine(nameOf(row.key) ?? '') },
  { name: 'size', title: 'Size', text: (row) => (row.size === null ? '' : bytes(row.size)) },
  { name: 'payload', title: 'Payload', text: payloadOf },
]

const withTopic = columns.toSpliced(1, 0, { name: 'topic', title: 'Topic', text: (row) => row.topic ?? '' })

/** @type {import('./main.js').Panel} */
export const panel = {
  id: 'view',
  title: 'View',
  key: 'v',
  shortcuts: [['s', 'Start, or stop'], ['p', 'Pause the list, or go on'], ['e', 'Follow the end'], ['↑ ↓', 'Another message, in the list']],
  mount,
}

function mount(root, { params, set, link, api, toast, info }) {
  /** @type {Reading | null} */
  let reading = null
  let kept = new Kept(mostRows, mostBytes), frozen = null, found = null, sought = '', seeking = 0, tab = '', began = '', over = false
  let last = { messages: 0, at: performance.now() }

  const form = wishForm({ changed: wished, start, sought: offerQueues })
  const state = el('span', { class: 'state' }, 'not started'), how = el('span', { class: 'dim' }), told = el('span', { class: 'hidden', role: 'status' })
  const bar = el('div', { class: 'meter replay', hidden: true }, el('div'))
  const figures = el('span', { class: 'figures dim' })
  const inHand = el('span'), holding = el('div', { class: 'bar holding', hidden: true }, inHand,
    el('button', { type: 'button', class: 'small', onclick: () => settleAll('done', 'done') }, icon('check'), 'Done with all'),
    el('button', { type: 'button', class: 'small', onclick: () => settleAll('nack', 'handed back') }, 'Hand all back'))
  const charts = {
    rate: chart('Rate', rate),
    lag: chart('Behind the end', (n) => brief(n)),
    latency: chart('Latency', duration),
  }
  const lines = list({
    label: 'Messages', columns,
    kind: (row) => row.kind + (row.attempt > 1 ? ' again' : '') + (row.job ? ` ${row.job.held ? 'held' : 'settled'}` : ''),
    choose: (row) => pane.show(row),
    followed: (on) => follow.setAttribute('aria-pressed', String(on)),
  })
  const pane = details({ toast, close: () => {
    lines.choose(undefined)
    lines.element.focus()
  }, settled, link })
  const search = el('input', { type: 'search', placeholder: 'Search in what is here', 'aria-label': 'Search in what is here', oninput: () => {
    seek(search.value)
    save()
  } })
  const hits = el('span', { class: 'dim' })
  const pause = el('button', { type: 'button', 'aria-pressed': 'false', onclick: () => freeze(!frozen) }, icon('pause'), el('span', null, 'Pause'))
  const follow = el('button', { type: 'button', 'aria-pressed': 'true', onclick: () => lines.follow(!lines.follows) }, icon('down'), 'Follow')
  const clear = el('button', { type: 'button', class: 'ghost', onclick: wipe }, 'Clear')
  const download = el('button', { type: 'button', class: 'ghost', onclick: saveAll }, icon('download'), 'Download')
  const empty = el('div', { class: 'empty' })
  const code = el('pre', { class: 'mono', tabindex: '0', role: 'group', 'aria-label': 'How to connect' }), tabs = el('div', { class: 'tabs', role: 'tablist', 'aria-label': 'How to connect' })
  const url = el('code', { class: 'url' })
  const ways = el('div', { class: 'ways' }, tabs, el('div', { class: 'code wrapped' }, code, el('button', { type: 'button', class: 'ghost', 'aria-label': 'Copy', onclick: () => copy(code.textContent, toast) }, icon('copy'))))
  const more = el('button', { type: 'button', class: 'ghost small', onclick: () => {
    unfold(ways.hidden)
    save()
  } }, icon('right'), 'Connection URL')
  const connect = el('section', { class: 'card connect', 'aria-label': 'Connection URL' },
    el('div', { class: 'bar' }, more, url, el('button', { type: 'button', class: 'ghost small', onclick: () => copy(url.textContent, toast) }, icon('copy'), 'Copy URL')),
    ways)

  const board = el('div', { class: 'board' }, lines.element, pane.element)
  fill(root,
    el('div', { class: 'head' }, el('h1', null, 'View')),
    el('div', { class: 'card flush joined' }, form.element, connect),
    el('div', { class: 'card standing' },
      el('div', { class: 'standing-head' }, el('div', { class: 'bar' }, state, how, told), bar, figures, holding),
      el('div', { class: 'charts' }, charts.rate.element, charts.lag.element, charts.latency.element)),
    el('div', { class: 'card flush stage' },
      el('div', { class: 'bar tools' }, el('div', { class: 'search' }, icon('search'), search), hits, el('div', { class: 'bar end' }, pause, follow, clear, download)),
      el('div', { class: 'screen' }, board, empty)))

  // ── what is wished, and the URL ──

  const here = base(info)

  function wished() {
    const wish = form.read()
    form.running(!!reading && !over, JSON.stringify(wish) !== began)
    const complete = wish.topic && (wish.mode === 'view' || wish.queue)
    const all = snippets(here, complete ? wish : { ...wish, topic: wish.topic || 'topic', queue: wish.queue || 'queue' })
    text(url, all[0].text)
    const now = all.find(({ name }) => name === tab) ?? all[1]
    fill(tabs, all.slice(1).map(({ name }) => el('button', { type: 'button', role: 'tab', 'aria-selected': String(name === now.name), tabindex: name === now.name ? '0' : '-1', onclick: () => {
      tab = name
      wished()
      tabs.querySelector('[aria-selected=true]').focus()
    } }, name)))
    text(code, now.text)
    save()
  }

  tabs.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const all = [...tabs.children], to = all[(all.findIndex((one) => one.getAttribute('aria-selected') === 'true') + step + all.length) % all.length]
    to.click()
  })

  /** Shows how else to connect. @param {boolean} on */
  function unfold(on) {
    ways.hidden = !on
    more.setAttribute('aria-expanded', String(on))
    fill(more, icon(on ? 'down' : 'right'), 'Connection URL')
  }

  let saving = false
  function save(how) {
    if (saving) return
    set({ ...paramsOf(form.read()), q: sought, code: !ways.hidden && (tab || 'curl'), on: !!reading && !over && reading.wish.mode !== 'join' }, how)
  }

  /** Shows what the URL asks for. @param {URLSearchParams} params */
  function update(params) {
    saving = true // what comes from the URL need not go there
    const wish = wishOf(params)
    tab = params.get('code') ?? tab
    unfold(params.has('code'))
    if (search.value !== (params.get('q') ?? '')) {
      search.value = params.get('q') ?? ''
      seek(search.value)
    }
    form.write(wish)
    saving = false
    // Nobody takes messages from a queue by opening a link.
    const on = params.has('on') && wish.mode !== 'join' && form.valid()
    if (on && JSON.stringify(form.read()) !== began) start(false)
    else if (!on && reading && !over && reading.wish.mode !== 'join') stop()
    else idle()
  }

  async function offer() {
    try {
      const { topics } = await api.get('/v1/topics')
      form.offer(topics.map(({ topic }) => topic))
      if (!reading) idle(topics)
    } catch {
      // Names can be typed.
    }
  }

  /** @param {string} topic */
  async function offerQueues(topic) {
    let queues = []
    try {
      if (topic) ({ queues } = await api.get(topicPath(topic) + '/queues'))
    } catch {
      // There is no such topic, or its broker does not tell.
    }
    form.offerQueues(queues.map(({ queue }) => queue))
  }

  // ── start and stop ──

  /** @param {boolean} [step] whether the Back button takes it back */
  function start(step = true) {
    reading?.stop()
    const wish = form.read()
    began = JSON.stringify(wish)
    over = false
    last = { messages: 0, at: performance.now() }
    for (const one of Object.values(charts)) one.clear()
    wipe()
    if (frozen) freeze(false)
    lines.follow(true)
    lines.element.classList.toggle('many', isMany(wish))
    lines.have(isMany(wish) ? withTopic : columns)
    reading = new Reading(wish, (rows) => {
      for (const row of rows) kept.add(row)
      lines.changed()
      if (found && !seeking) seekOn()
    }, standing)
    wished()
    save({ push: step })
    standing()
  }

  function stop() {
    if (!reading) return
    reading.stop()
    standing()
  }

  function standing() {
    if (!reading) return
    over = reading.state.state === 'ended'
    if (over) {
      began = ''
      wished()
    }
    if (reading.byHand) settled()
    else show()
    text(told, state.textContent + ' ' + (reading.state.state === 'ended' ? how.textContent : ''))
  }

  function show() {
    if (!reading) return
    const { messages, gaps, lost, state: { state: name, reason, detail, until }, replay, trouble } = reading
    const why = [reason, detail].filter(Boolean).join(': ')
    const [kind, word, more] = name === 'connecting' ? ['busy', 'connecting', '']
      : name === 'waiting' ? ['warn', 'waiting to reconnect', `in ${duration(Math.max(0, Math.ceil((until - Date.now()) / 1000) * 1000)).replace('.0', '')}: ${why}`]
      : name === 'ended' ? (reason === 'stopped' ? ['', 'stopped', detail ?? ''] : ['bad', 'ended', why || 'the end was reached'])
      : trouble ? ['warn', 'waiting for the broker', trouble]
      : replay ? ['busy', 'replaying', `${Math.floor((100 * replay.done) / replay.total)} %: ${count(replay.done)} of ${count(replay.total)} offsets`]
      : ['good', 'live', '']
    state.className = `state ${kind}`
    text(state, word)
    text(how, more)
    bar.hidden = !replay
    if (replay) bar.firstElementChild.style.width = `${(100 * replay.done) / replay.total}%`
    text(figures, [
      `${count(messages)} ${messages === 1 ? 'message' : 'messages'}`, bytes(reading.bytes),
      gaps > 0 && `${count(gaps)} ${gaps === 1 ? 'gap' : 'gaps'}, ${count(lost)} lost`,
      kept.first > 0 && `the oldest ${count(kept.first)} rows were let go`,
      frozen && `${count(kept.end - frozen.end)} since the pause`,
    ].filter(Boolean).join(' · '))
    const held = reading.held.size, most = reading.terms.max_in_flight
    holding.hidden = held === 0
    text(inHand, `You hold ${most ? `${count(held)} of ${count(most)}` : count(held)}${held === most ? ': nothing more is given to you until you settle some' : ''}`)
    idle()
    text(hits, found ? `${count(found.end - found.first)} found` : '')
  }

  /** Says what to do where there is nothing to see. */
  function idle(topics) {
    const nothing = kept.end === kept.first
    empty.hidden = !nothing
    board.hidden = nothing
    if (!nothing || (reading && !over && empty.dataset.said === 'waits')) return
    if (reading && !over) {
      empty.dataset.said = 'waits'
      fill(empty, icon('view'), el('h2', null, 'No message yet'), el('p', null, reading.wish.mode === 'view' && !reading.wish.from ? 'What comes from now on is shown here.' : 'Messages are shown here as they come.'),
        el('div', { class: 'bar' }, el('a', { class: 'button', href: link('inject', { topic: isMany(reading.wish) ? '' : reading.wish.topic }) }, icon('inject'), 'Inject one')))
      return
    }
    if (empty.dataset.said === 'begin' && !topics) return
    empty.dataset.said = 'begin'
    fill(empty, icon('view'), el('h2', null, 'See what a topic carries'),
      el('p', null, 'Say which topic, and where to start. A view disturbs nobody: nothing is consumed.'),
      topics?.length > 0 && el('div', { class: 'bar' }, topics.slice(0, 6).map(({ topic }) => el('a', { class: 'button small', href: link('view', { topic, from: '-100', on: true }) }, topic))))
  }

  // ── what is settled by hand ──

  /** @param {'done' | 'nack'} what @param {string} said */
  async function settleAll(what, said) {
    const all = [...reading.held], went = await Promise.allSettled(all.map((job) => job[what]()))
    const failed = went.find(({ status }) => status === 'rejected')
    if (failed) toast(failed.reason.message, 'bad')
    else toast(all.length === 1 ? `One message: ${said}` : `${count(all.length)} messages: ${said}`, 'good')
    settled()
  }

  function settled() {
    pane.renew()
    lines.renew()
    show()
  }

  // ── the list ──

  function wipe() {
    kept = new Kept(mostRows, mostBytes)
    if (frozen) frozen = kept.snapshot()
    lines.choose(undefined)
    seek(sought)
    idle()
  }

  const source = () => frozen ?? kept

  function freeze(on) {
    frozen = on ? kept.snapshot() : null
    pause.setAttribute('aria-pressed', String(on))
    fill(pause, icon(on ? 'play' : 'pause'), el('span', null, on ? 'Go on' : 'Pause'))
    seek(sought)
    show()
  }

  function seek(what) {
    sought = what
    cancelAnimationFrame(seeking)
    seeking = 0
    found = what ? new Found(source(), what) : null
    lines.show(found ?? source())
    if (found) seekOn()
    text(hits, '')
  }

  /** Looks on, a little in each frame. */
  function seekOn() {
    seeking = requestAnimationFrame(() => {
      seeking = 0
      if (!found) return
      const through = found.look(8)
      lines.changed()
      text(hits, `${count(found.end - found.first)} found`)
      if (!through) seekOn()
    })
  }

  /** Downloads what the list shows, as the bridge's NDJSON. */
  async function saveAll() {
    const now = source().snapshot(), rows = found ? found.rows.slice() : Array.from({ length: now.end - now.first }, (_, i) => now.at(now.first + i)), parts = []
    download.disabled = true
    let part = '', until = performance.now() + 10
    for (const row of rows) {
      part += lineOf(row)
      if (part.length < 1 << 20 && performance.now() < until) continue
      parts.push(part)
      part = ''
      await new Promise((resolve) => setTimeout(resolve))
      until = performance.now() + 10
    }
    keep(new Blob([...parts, part], { type: 'application/x-ndjson' }), `${topicsOf(reading?.wish.topic ?? 'messages').join(' ').replaceAll('*', '_')}.ndjson`)
    download.disabled = false
  }

  // ── what goes on ──

  const tick = setInterval(() => {
    if (!reading || over) return
    const now = performance.now()
    charts.rate.push(((reading.messages - last.messages) * 1000) / (now - last.at))
    last = { messages: reading.messages, at: now }
    charts.lag.push(reading.lag)
    const sorted = reading.latencies.sort((a, b) => a - b)
    charts.latency.push(sorted.length ? Math.max(0, sorted[sorted.length >> 1]) : null)
    reading.latencies = []
    if (found && found.next < found.kept.end && !seeking) seekOn()
  }, 1000)
  const often = setInterval(show, 250)

  // The rows that are held are drawn anew when their leases may have ended.
  const leases = setInterval(() => reading?.byHand && !over && settled(), 1000)

  form.stop.addEventListener('click', () => {
    saving = true // a step of its own, in place of none
    stop()
    saving = false
    save({ push: true })
  })

  update(params)
  offer()

  const keys = {
    s: () => reading && !over ? form.stop.click() : form.element.requestSubmit(),
    p: () => freeze(!frozen),
    e: () => lines.follow(true),
  }

  return {
    update,
    key(name) {
      if (!Object.hasOwn(keys, name)) return false
      keys[name]()
      return true
    },
    unmount() {
      reading?.stop()
      clearInterval(tick)
      clearInterval(often)
      clearInterval(leases)
      cancelAnimationFrame(seeking)
      lines.close()
    },
  }
}
