import { copy } from './copy.js'
import { el, fill, icon } from './dom.js'
import { bytes, count, duration } from './format.js'
import { lineOf } from './kept.js'
import { fold, hex, pretty, read } from './payload.js'
import { save } from './save.js'

/** So many characters, or bytes as hexadecimal, are shown at a time: a page that is given 64 MiB to lay out is gone. What is larger than mostTree is not made a tree. */
const mostText = 256 << 10, mostHex = 16 << 10, mostTree = 1 << 20

const encoder = new TextEncoder()

/** Bytes in words: as text where they are short, else as a count. */
export const nameOf = (value) => (value instanceof Uint8Array ? '0x' + Array.from(value.subarray(0, 32), (b) => b.toString(16).padStart(2, '0')).join('') + (value.length > 32 ? '…' : '') : value)

/**
 * All there is to know of one row: what it is, its headers, and its payload as JSON, text or hexadecimal.
 *
 * @param {object} does
 * @param {(said: string, kind: string) => void} does.toast
 * @param {() => void} does.close
 * @param {() => void} does.settled something became of a message that was held
 * @param {typeof import('./state.js').link} does.link
 */
export function details({ toast, close, settled, link }) {
  const element = el('aside', { class: 'details', tabindex: '-1', 'aria-label': 'The chosen message', onkeydown: (event) => {
    if (event.key !== 'Escape') return
    event.preventDefault()
    close()
  } })
  let form // that of the payload which was chosen last

  const fact = (name, value) => value !== null && value !== undefined && value !== '' && [el('dt', null, name), el('dd', null, value)]

  function payload(row) {
    const { text } = row, raw = row.bytes, tree = text !== undefined && text.length <= mostTree ? read(text) : undefined
    const forms = {
      ...(tree?.items && { JSON: () => el('div', { class: 'json' }, fold(tree)) }),
      ...(text !== undefined && { Text: () => pieces(text.length, mostText, (from, to) => text.slice(from, to)) }),
      Hex: () => {
        const all = raw ?? encoder.encode(text)
        return pieces(all.length, mostHex, (from, to) => hex(all.subarray(from, to), from) + (to < all.length ? '\n' : ''))
      },
    }
    const body = el('div', { class: 'details-payload', tabindex: '0', role: 'region', 'aria-label': 'Payload' }), names = Object.keys(forms)
    const buttons = names.map((name) => el('button', { type: 'button', role: 'tab', onclick: () => show((form = name)) }, name))
    const show = (name) => {
      buttons.forEach((button, i) => button.setAttribute('aria-selected', String(names[i] === name)))
      fill(body, forms[name]())
    }
    show(names.includes(form) ? form : names[0])
    return [
      el('div', { class: 'tabs' }, el('div', { class: 'grow', role: 'tablist', 'aria-label': 'Show the payload as' }, buttons),
        el('button', { type: 'button', class: 'ghost', onclick: () => copy(tree && form !== 'Text' ? pretty(tree) : text ?? hex(raw), toast) }, icon('copy'), 'Copy'),
        el('button', { type: 'button', class: 'ghost', 'aria-label': 'Save the payload', title: 'Save the payload', onclick: () => save(raw ?? text, `${row.topic}-${row.partition ?? 0}-${row.offset ?? row.seq}.${raw ? 'bin' : tree ? 'json' : 'txt'}`) }, icon('download'))),
      body,
    ]
  }

  /** What is shown piece by piece, as far as is asked for. @param {number} size @param {number} step @param {(from: number, to: number) => string} piece */
  function pieces(size, step, piece) {
    const pre = el('pre', { class: 'payload' }), button = el('button', { type: 'button', class: 'ghost', onclick: more })
    let made = 0
    function more() {
      const to = Math.min(size, made + step)
      pre.append(piece(made, to))
      made = to
      button.hidden = made === size
      button.textContent = `Show ${bytes(Math.min(step, size - made))} more of ${bytes(size - made)}`
    }
    more()
    return [pre, button]
  }

  const hand = el('div', { class: 'hand' }) // what a member does with a message that it holds
  let shown

  function settling() {
    const job = shown?.job
    if (!job) return fill(hand)
    if (!job.held) {
      const { state } = job
      delete hand.dataset.state
      if (hand.contains(document.activeElement)) element.focus() // what was pressed goes
      return fill(hand, el('p', { class: 'hint' }, {
        done: 'Settled: nobody gets it again.', 'handed back': 'Handed back: it is given to any member again, or, after its last try, to the dead letters.',
        gone: 'No longer yours: its lease or the connection ended, and it is given to any member again.',
      }[state]))
    }
    const tries = job.most ? `Try ${shown.attempt ?? 1} of ${job.most}` : ''
    const last = job.most && (shown.attempt ?? 1) >= job.most
    if (hand.dataset.state !== job.receipt) {
      hand.dataset.state = job.receipt
      const row = shown
      const say = (what, does) => async () => {
        try {
          await does()
          toast(`Message ${row.partition ?? 0}:${row.offset ?? row.seq}: ${what}`, 'good')
        } catch (error) {
          toast(String(error.message), 'bad')
        }
        settled()
      }
      fill(hand, el('div', { class: 'actions' },
        el('button', { type: 'button', onclick: say('done', () => job.done()) }, icon('check'), 'Done'),
        el('button', { type: 'button', onclick: say(last ? 'handed back, to the dead letters' : 'handed back', () => job.nack()) }, last ? 'To the dead letters (nack)' : 'Hand back (nack)'),
        el('button', { type: 'button', onclick: say('its lease begins anew', () => job.touch()) }, 'Keep (touch)')),
      el('p', { class: 'hint' }))
    }
    hand.lastElementChild.textContent = [
      tries && `${tries}${last ? ': handed back, it goes to the dead letters' : ''}.`,
      Number.isFinite(job.until) && `Yours for ${duration(Math.ceil((job.until - Date.now()) / 1000) * 1000).replace('.0', '')}.`,
    ].filter(Boolean).join(' ')
  }

  const titles = { message: 'Message', delete: 'Tombstone', gap: 'Gap', note: 'Note' }

  function show(row) {
    shown = row
    element.hidden = !row
    if (!row) return fill(element)
    delete hand.dataset.state
    settling()
    const time = row.time === null ? null : new Date(row.time).toISOString()
    fill(element,
      el('header', { class: 'details-head' },
        el('h2', null, titles[row.kind]),
        row.offset !== null && el('span', { class: 'badge' }, `${row.partition}:${row.offset}`),
        el('span', { class: 'grow' }),
        row.kind !== 'note' && el('button', { type: 'button', class: 'ghost', onclick: () => copy(lineOf(row), toast) }, icon('copy'), 'Copy all'),
        el('button', { type: 'button', class: 'ghost', 'aria-label': 'Close the details', onclick: close }, icon('close'))),
      row.job && hand,
      el('dl', { class: 'facts' },
        fact('Time', time),
        fact('Came', `${new Date(row.at).toISOString()}${row.time === null ? '' : ` (${row.at < row.time ? `${duration(row.time - row.at)} before its time: clocks differ` : `${duration(row.at - row.time)} later`})`}`),
        fact('Key', row.key === null ? null : el('code', { class: 'key' }, nameOf(row.key))),
        fact('Size', row.size === null ? null : row.size < 1024 ? bytes(row.size) : `${bytes(row.size)} (${count(row.size)} bytes)`),
        fact('Attempt', row.attempt && String(row.attempt)),
        fact('Receipt', row.receipt && el('code', null, row.receipt))),
      row.topic && row.kind !== 'gap' && el('div', { class: 'actions onward' },
        typeof row.key === 'string' && el('a', { class: 'button small', href: link('view', { topic: row.topic, key: row.key, from: 'earliest', on: true }) }, icon('view'), 'Only this key'),
        row.time !== null && el('a', { class: 'button small', href: link('view', { topic: row.topic, from: '@' + time, on: true }) }, icon('view'), 'From this time on')),
      row.headers.length > 0 && el('table', { class: 'headers' },
        el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Header'), el('th', { scope: 'col' }, 'Value'))),
        el('tbody', null, row.headers.map(([name, value]) => el('tr', null, el('td', null, name), el('td', null, nameOf(value)))))),
      row.kind === 'delete' ? el('p', { class: 'hint' }, 'No payload: the key is gone.')
        : row.kind === 'gap' ? el('p', { class: 'hint' }, lostOf(row))
        : row.kind === 'note' ? el('p', { class: 'hint' }, row.text)
        : payload(row))
  }

  show(undefined)
  return { element, show, /** What is held may have been settled, or lost. */ renew: settling }
}

const reasons = {
  retention: 'the broker no longer had them',
  overflow: 'this page was too slow',
  epoch: 'the log that had them is gone',
  broker: 'the broker could not tell',
}

/** What a gap means. @param {import('./kept.js').Row} row */
export const lostOf = ({ lost, reason, partition }) =>
  `${lost === null || lost === undefined ? 'An unknown number of messages' : lost === 1 ? 'One message' : `${count(lost)} messages`}${partition === null ? '' : ` of partition ${partition}`} lost: ${reasons[reason] ?? reason}`
