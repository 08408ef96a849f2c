import { copy } from './copy.js'
import { el, fill, icon, text } from './dom.js'
import { count } from './format.js'

const kept = 1000, drawn = 200, long = 2000

/**
 * The log of what goes over the wire, in both directions. It keeps the last thousand frames, draws the last two hundred, and cuts those that are long.
 *
 * @param {typeof import('./toast.js').toast} toast
 */
export function frames(toast) {
  /** @type {{ at: Date, way: '→' | '←' | '·', text: string }[]} */
  let log = []
  let all = 0, paused = false, timer = 0
  const rows = el('ol', { class: 'frames', tabindex: '0', 'aria-label': 'Frames' })
  const told = el('small')
  const pause = el('button', { type: 'button', class: 'small', 'aria-pressed': 'false', onclick: () => {
    paused = !paused
    pause.setAttribute('aria-pressed', String(paused))
    draw()
  } }, icon('pause'), 'Pause')
  const element = el('section', { class: 'card', 'aria-label': 'Log' },
    el('div', { class: 'head' }, el('h2', null, 'Log'), told, el('div', { class: 'bar end' }, pause,
      el('button', { type: 'button', class: 'small', onclick: () => copy(log.map(line).join('\n'), toast) }, icon('copy'), 'Copy'),
      el('button', { type: 'button', class: 'small', onclick: clear }, 'Clear'))),
    rows)

  const line = ({ at, way, text }) => `${at.toISOString()} ${way} ${text}`

  function clear() {
    log = []
    all = 0
    draw()
  }

  /** @param {'→' | '←' | '·'} way @param {string} text */
  function say(way, text) {
    all++
    log.push({ at: new Date(), way, text: text.length > long ? `${text.slice(0, long)} … (${count(text.length)} characters)` : text })
    if (log.length > 2 * kept) log = log.slice(-kept)
    timer ||= setTimeout(draw, 150)
  }

  function draw() {
    clearTimeout(timer)
    timer = 0
    text(told, paused ? `${count(all)}, paused` : count(all))
    if (paused) return
    log = log.slice(-kept)
    const follow = rows.scrollTop + rows.clientHeight >= rows.scrollHeight - 8
    fill(rows, log.slice(-drawn).map(({ at, way, text }) => el('li', { class: { '→': 'sent', '←': 'got', '·': 'dim' }[way] },
      el('time', { datetime: at.toISOString() }, at.toISOString().slice(11, 23)),
      el('span', { class: 'way', 'aria-label': { '→': 'sent', '←': 'received', '·': 'note' }[way], role: 'img' }, way),
      el('code', null, text))))
    if (log.length === 0) fill(rows, el('li', { class: 'dim' }, 'What is sent and received is shown here.'))
    if (follow) rows.scrollTop = rows.scrollHeight
  }
  draw()

  /** A WebSocket that says what it does. */
  class Recorded extends WebSocket {
    /** @param {string | URL} url @param {string[]} protocols */
    constructor(url, protocols) {
      super(url, protocols)
      say('·', `connecting to ${url}`)
      this.addEventListener('open', () => say('·', `open, ${this.protocol}`))
      this.addEventListener('message', ({ data }) => say('←', data))
      this.addEventListener('close', ({ code, reason }) => say('·', `closed, ${code}${reason && ` ${reason}`}`))
    }

    /** @param {any} data */
    send(data) {
      super.send(data)
      say('→', data)
    }
  }
  return { element, say, Recorded, stop: () => clearTimeout(timer) }
}
