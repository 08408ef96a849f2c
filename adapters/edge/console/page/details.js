import { el, fill, icon } from './dom.js'
import { bytes, count, duration } from './format.js'
import { lineOf } from './kept.js'
import { fold, hex, pretty, read } from './payload.js'

const mostText = 256 << 10, mostHex = 16 << 10

const encoder = new TextEncoder()

/** Bytes in words: as text where they are short, else as a count. */
export const nameOf = (value) => (value instanceof Uint8Array ? '0x' + Array.from(value.subarray(0, 32), (b) => b.toString(16).padStart(2, '0')).join('') + (value.length > 32 ? '…' : '') : value)

/**
 * All there is to know of one row: what it is, its headers, and its payload as JSON, text or hexadecimal.
 *
 * @param {object} does
 * @param {(text: string) => void} does.copy
 * @param {(said: string, kind: string) => void} does.toast
 * @param {() => void} does.close
 */
export function details({ copy, toast, close }) {
  const element = el('aside', { class: 'details', 'aria-label': 'The chosen message' })
  let form // that of the payload which was chosen last

  const fact = (name, value) => value !== null && value !== undefined && value !== '' && [el('dt', null, name), el('dd', null, value)]

  function payload(row) {
    const { text } = row, raw = row.bytes, tree = text !== undefined && text.length < 4 << 20 ? read(text) : undefined
    const forms = {
      ...(tree?.items && { JSON: () => el('div', { class: 'json' }, fold(tree)) }),
      ...(text !== undefined && { Text: () => cut(el('pre', { class: 'payload' }), text.slice(0, mostText), text.length - mostText, () => text) }),
      Hex: () => {
        const all = raw ?? encoder.encode(text)
        return cut(el('pre', { class: 'payload' }), hex(all.subarray(0, mostHex)), all.length - mostHex, () => hex(all))
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
        el('button', { type: 'button', class: 'ghost', onclick: () => copy(tree && form !== 'Text' ? pretty(tree) : text ?? hex(raw)) }, icon('copy'), 'Copy')),
      body,
    ]
  }

  function cut(pre, some, more, all) {
    pre.textContent = some
    if (more <= 0) return pre
    const button = el('button', { type: 'button', class: 'ghost', onclick: () => {
      pre.textContent = all()
      button.remove()
    } }, `Show ${bytes(more)} more`)
    return [pre, button]
  }

  /** What a member does with a message that it holds. */
  function settling(row) {
    const { job } = row
    if (!job) return null
    const say = (what, does) => async () => {
      try {
        await does()
        toast(`Message ${row.partition ?? 0}:${row.offset ?? row.seq}: ${what}`, 'good')
        if (job.settled) show(row)
      } catch (error) {
        toast(String(error.message), 'bad')
      }
    }
    if (job.settled) return el('p', { class: 'hint' }, 'Settled.')
    return el('div', { class: 'actions' },
      el('button', { type: 'button', onclick: say('done', () => job.done()) }, icon('check'), 'Done'),
      el('button', { type: 'button', onclick: say('handed back', () => job.nack()) }, 'Hand back (nack)'),
      el('button', { type: 'button', onclick: say('its lease begins anew', () => job.touch()) }, 'Keep (touch)'))
  }

  const titles = { message: 'Message', delete: 'Tombstone', gap: 'Gap', note: 'Note' }

  function show(row) {
    element.hidden = !row
    if (!row) return fill(element)
    const time = row.time === null ? null : new Date(row.time).toISOString()
    fill(element,
      el('header', { class: 'details-head' },
        el('h3', null, titles[row.kind]),
        row.offset !== null && el('span', { class: 'badge' }, `${row.partition}:${row.offset}`),
        el('span', { class: 'grow' }),
        row.kind !== 'note' && el('button', { type: 'button', class: 'ghost', onclick: () => copy(lineOf(row)) }, icon('copy'), 'Copy all'),
        el('button', { type: 'button', class: 'ghost', 'aria-label': 'Close the details', onclick: close }, icon('close'))),
      settling(row),
      el('dl', { class: 'facts' },
        fact('Time', time),
        fact('Came', `${new Date(row.at).toISOString()}${row.time === null ? '' : ` (${row.at < row.time ? `${duration(row.time - row.at)} before its time: clocks differ` : `${duration(row.at - row.time)} later`})`}`),
        fact('Key', row.key === null ? null : el('code', { class: 'key' }, nameOf(row.key))),
        fact('Size', row.size === null ? null : row.size < 1024 ? bytes(row.size) : `${bytes(row.size)} (${count(row.size)} bytes)`),
        fact('Attempt', row.attempt && String(row.attempt)),
        fact('Receipt', row.receipt && el('code', null, row.receipt))),
      row.headers.length > 0 && el('table', { class: 'headers' },
        el('thead', null, el('tr', null, el('th', { scope: 'col' }, 'Header'), el('th', { scope: 'col' }, 'Value'))),
        el('tbody', null, row.headers.map(([name, value]) => el('tr', null, el('td', null, name), el('td', null, nameOf(value)))))),
      row.kind === 'delete' ? el('p', { class: 'hint' }, 'No payload: the key is gone.')
        : row.kind === 'gap' ? el('p', { class: 'hint' }, lostOf(row))
        : row.kind === 'note' ? el('p', { class: 'hint' }, row.text)
        : payload(row))
  }

  show(undefined)
  return { element, show }
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
