import { el, icon } from './dom.js'

/**
 * Copies text. A page that came by plain HTTP from another machine has no clipboard to write to, and selects instead.
 *
 * @param {string} text
 * @param {typeof import('./toast.js').toast} toast told how it went
 */
export async function copy(text, toast) {
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(text)
    else select(text)
    toast('Copied', 'good')
  } catch {
    toast('The browser does not let this page copy', 'bad')
  }
}

/**
 * Text to be copied, in a box that has a button for it.
 *
 * @param {string} label
 * @param {typeof import('./toast.js').toast} toast told how it went
 * @param {string} [text]
 * @returns {{ element: HTMLElement, text: HTMLElement }} the text may change
 */
export function code(label, toast, text = '') {
  const pre = el('pre', { tabindex: '0', role: 'group', 'aria-label': label }, text)
  return { text: pre, element: el('div', { class: 'code wrapped' }, pre, el('button', { type: 'button', class: 'ghost', 'aria-label': `Copy: ${label}`, onclick: () => copy(pre.textContent, toast) }, icon('copy'))) }
}

function select(text) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement)
  const area = el('textarea', { value: text, readonly: true, 'aria-hidden': 'true' })
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  before?.focus()
  if (!copied) throw new Error('refused')
}
