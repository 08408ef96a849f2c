import { el, icon } from './dom.js'

/**
 * Opens a dialog over the page, and gives what it was closed with: the value of the button that was pressed, empty where it was left.
 *
 * @param {{ title: string, body: import('./dom.js').Child, buttons: { label: string, value: string, kind?: 'primary' | 'danger' }[], wide?: boolean }} what
 * @returns {Promise<string>}
 */
export function open({ title, body, buttons, wide }) {
  const dialog = el('dialog', { 'aria-labelledby': 'dialog-title', class: wide && 'wide' },
    el('header', null,
      el('h2', { id: 'dialog-title' }, title),
      el('button', { type: 'button', class: 'ghost', 'aria-label': 'Close', onclick: () => dialog.close('') }, icon('close'))),
    el('div', { class: 'body' }, body),
    buttons.length > 0 && el('footer', null, buttons.map(({ label, value, kind }) =>
      el('button', { type: 'button', class: kind, autofocus: kind === undefined, onclick: () => dialog.close(value) }, label))))
  // Whoever presses beside it leaves it.
  dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close('') })
  return new Promise(resolve => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue)
    })
    document.body.append(dialog)
    dialog.showModal()
  })
}

/**
 * Asks whether that shall be done. What cannot be taken back is not what the Enter key does: the focus is on leaving it.
 *
 * @param {string} title the question
 * @param {import('./dom.js').Child} body what it will do
 * @param {string} label of the button that does it
 * @returns {Promise<boolean>}
 */
export async function confirm(title, body, label) {
  return await open({ title, body, buttons: [{ label: 'Cancel', value: '' }, { label, value: 'yes', kind: 'danger' }] }) === 'yes'
}
