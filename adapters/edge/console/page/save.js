import { el } from './dom.js'

/**
 * Lets the user keep something as a file.
 *
 * @param {Blob | string | Uint8Array} what
 * @param {string} name
 */
export function save(what, name) {
  const file = URL.createObjectURL(what instanceof Blob ? what : new Blob([/** @type {any} */ (what)]))
  el('a', { href: file, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(file), 60_000)
}
