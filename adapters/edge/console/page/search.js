import { el, icon } from './dom.js'

/**
 * A field that narrows what is shown while it is written in. The key `/` leads to it.
 *
 * @param {string} label
 * @param {string} value
 * @param {(value: string) => void} changed
 * @returns {{ element: HTMLElement, set(value: string): void }} set is for what the URL says
 */
export function search(label, value, changed) {
  const input = el('input', { type: 'search', 'aria-label': label, placeholder: label, value, autocomplete: 'off', spellcheck: 'false', oninput: () => changed(input.value.trim()) })
  return {
    element: el('div', { class: 'search' }, icon('search'), input),
    set(wanted) {
      if (input.value.trim() !== wanted) input.value = wanted
    },
  }
}
