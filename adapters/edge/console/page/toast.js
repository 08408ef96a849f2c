import { el, icon } from './dom.js'

const shelf = el('div', { class: 'toasts', role: 'status' })

/** Puts the place of toasts on the page. */
export const mountToasts = () => document.body.append(shelf)

/**
 * Tells something in passing. What is bad stays until it is closed, or until there are too many.
 *
 * @param {string} said
 * @param {'good' | 'bad' | 'info'} [kind]
 */
export function toast(said, kind = 'info') {
  const one = el('div', { class: `toast ${kind}` },
    el('span', null, said),
    el('button', { type: 'button', class: 'ghost', 'aria-label': 'Close', onclick: () => one.remove() }, icon('close')))
  shelf.append(one)
  while (shelf.childElementCount > 4) shelf.firstElementChild.remove()
  if (kind !== 'bad') setTimeout(() => one.remove(), 5000)
}
