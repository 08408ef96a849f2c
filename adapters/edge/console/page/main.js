// The console's shell: which panel is shown, and what all of them share.

import * as api from './api.js'
import { open } from './dialog.js'
import { el, fill, icon, put, text } from './dom.js'
import { since } from './format.js'
import { poll } from './poll.js'
import { link, place, query } from './state.js'
import * as stored from './stored.js'
import { mountToasts, toast } from './toast.js'

import { panel as topics } from './topics.js'
import { panel as view } from './view.js'
import { panel as inject } from './inject.js'
import { panel as queues } from './queues.js'
import { panel as connections } from './connections.js'
import { panel as health } from './health.js'

/**
 * @typedef {object} Context what a panel has of the shell
 * @property {URLSearchParams} params what it is to show
 * @property {(id: string, params?: import('./state.js').Params) => void} go to a panel
 * @property {(params: import('./state.js').Params, how?: { push?: boolean }) => void} set what this panel shows now: all of its parameters go into the URL, in place of those that are
 *   there, or with `push` as a step that the Back button takes back
 * @property {typeof link} link the link to a panel that shows this
 * @property {typeof api} api
 * @property {typeof toast} toast
 * @property {any} info what GET /admin/info says
 */
/**
 * @typedef {object} Panel
 * @property {string} id
 * @property {string} title
 * @property {string} key with `g` before it shows the panel
 * @property {[string, string][]} [shortcuts] keys of its own, and what they do, for the page of shortcuts
 * @property {(root: HTMLElement, ctx: Context) => Shown} mount
 */

/**
 * @typedef {object} Shown a panel that is on the page
 * @property {(params: URLSearchParams) => void} update is told when the URL asks for something else
 * @property {() => void} unmount
 * @property {(key: string) => boolean} [key] is told of a key of its own, and tells whether it was one
 */

/** @type {Panel[]} */
const panels = [
  topics,
  view,
  inject,
  queues,
  connections,
  health,
]

// ── the theme, which follows the system until it is told otherwise ──

const themes = /** @type {const} */ (['system', 'light', 'dark'])
let theme = themes.includes(stored.recall('theme')) ? stored.recall('theme') : 'system'

function showTheme() {
  document.documentElement.dataset.theme = theme
  fill(themeButton, icon({ system: 'system', light: 'sun', dark: 'moon' }[theme]))
  themeButton.setAttribute('aria-label', `Theme: ${theme}`)
  themeButton.title = `Theme: ${theme}`
}

function nextTheme() {
  theme = themes[(themes.indexOf(theme) + 1) % themes.length]
  stored.remember('theme', theme)
  showTheme()
}

// ── what is always there ──

const themeButton = el('button', { type: 'button', class: 'ghost', onclick: nextTheme })
const main = el('main', { id: 'main', tabindex: '-1' })
const ready = el('span', { class: 'state', role: 'status' }, 'connecting')
const node = el('div', { class: 'node' })
const links = new Map(panels.map(({ id, title, key }) =>
  [id, el('a', { href: link(id) }, icon(id), el('span', null, title), el('kbd', { 'aria-hidden': 'true' }, `g ${key}`))]))
const shell = el('header', { class: 'shell' },
  el('a', { class: 'brand', href: link(panels[0].id) }, icon('brand'), 'Culvert'),
  el('nav', { 'aria-label': 'Panels' }, el('ul', null, [...links.values()].map(a => el('li', null, a)))),
  el('div', { class: 'foot' },
    ready,
    node,
    el('div', { class: 'tools' },
      themeButton,
      el('button', { type: 'button', class: 'ghost', 'aria-label': 'Keyboard shortcuts', title: 'Keyboard shortcuts (?)', onclick: showKeys }, icon('keyboard')))))

function skip(event) {
  event.preventDefault() // the URL's # is for panels
  main.focus()
}

/** Asks whether the bridge is ready. */
async function askReady(signal) {
  let kind = 'good', said = 'ready', why = ''
  try {
    const answer = await fetch('/readyz', { cache: 'no-store', signal })
    const state = await answer.json()
    if (!state.ready) {
      kind = 'warn'
      said = state.stopping ? 'stopping' : 'not ready'
      why = Object.entries(state.unreachable ?? {}).map(([name, detail]) => `${name}: ${detail}`).join('; ')
    }
  } catch {
    if (signal.aborted) return
    kind = 'bad'
    said = 'unreachable'
  }
  text(ready, said)
  ready.className = `state ${kind}`
  ready.title = why
}

function showNode(info) {
  fill(node,
    info.node && el('span', { title: info.node }, info.node),
    el('small', { title: info.started && `up ${since(info.started)}` }, info.version ? `version ${info.version}` : ''),
    info.demo && el('a', { class: 'badge accent', href: link('topics', { guide: true }), title: 'Prices and orders are made up' }, 'demo'))
}

// ── panels ──

/** What is shown. @type {{ panel: Panel, shown: Shown } | null} */
let current = null
let info = { url: location.origin, brokers: [] }

/** Shows what the URL says. */
function show() {
  const { id, params } = place()
  const panel = panels.find(p => p.id === id) ?? panels[0]
  remember(panel.id, params)
  if (current?.panel === panel) {
    current.shown.update(params)
    return
  }
  const first = current === null
  current?.shown.unmount()
  for (const [name, a] of links) {
    if (name === panel.id) a.setAttribute('aria-current', 'page')
    else a.removeAttribute('aria-current')
  }
  document.title = `${panel.title} · Culvert`
  const root = el('div', { class: 'panel', id: `panel-${panel.id}` })
  fill(main, root)
  const here = { panel, shown: { update() {}, unmount() {} } }
  current = here
  here.shown = panel.mount(root, {
    params,
    go,
    set: (state, how) => { if (current === here) write(panel.id, state, how) },
    link,
    api,
    toast,
    info,
  })
  scrollTo(0, 0)
  if (!first) main.focus({ preventScroll: true })
}

/** The way back to a panel leads to what it showed. */
function remember(id, params) {
  links.get(id).href = link(id, params)
}

function go(id, params) {
  location.hash = link(id, params)
}

function write(id, params, how) {
  const to = link(id, params)
  remember(id, query(params))
  if (to === location.hash) return
  if (how?.push) history.pushState(null, '', to)
  else history.replaceState(null, '', to)
}

// ── keys ──

let keysOn = stored.recall('keys') !== 'off'
let leading = 0 // the timer within which a key behind `g` is a panel's

function lead(on) {
  clearTimeout(leading)
  leading = on ? setTimeout(() => lead(false), 1500) : 0
  shell.classList.toggle('leading', on)
}

function showKeys() {
  if (document.querySelector('dialog[open]')) return
  const rows = [
    ...panels.map(({ title, key }) => [`g ${key}`, title]),
    ['/', 'Search in this panel'],
    ...(current?.panel.shortcuts ?? []),
    ['?', 'These shortcuts'],
    ['Esc', 'Close a dialog, leave a field'],
  ]
  const own = el('input', { type: 'checkbox', checked: keysOn, onchange: () => {
    keysOn = own.checked
    stored.remember('keys', keysOn ? 'on' : 'off')
  } })
  open({
    title: 'Keyboard shortcuts',
    body: [
      el('dl', { class: 'keys' }, rows.map(([keys, does]) => [el('dt', null, keys.split(' ').map((k, i) => [i > 0 && ' ', el('kbd', null, k)])), el('dd', null, does)])),
      el('label', { class: 'check' }, own, 'Shortcuts are on'),
    ],
    buttons: [],
  })
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector('dialog[open]')) return
  const target = /** @type {HTMLElement} */ (event.target)
  if (target.matches('input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]')) {
    if (event.key === 'Escape') target.blur()
    return
  }
  if (!keysOn) return
  if (leading) {
    lead(false)
    const panel = panels.find(({ key }) => key === event.key)
    if (panel) {
      event.preventDefault()
      location.hash = links.get(panel.id).hash
      return
    }
  }
  if (event.key === 'g') {
    lead(true)
  } else if (event.key === '?') {
    event.preventDefault()
    showKeys()
  } else if (event.key === '/') {
    const field = /** @type {HTMLInputElement | null} */ (main.querySelector('input[type=search]'))
    if (!field) return
    event.preventDefault()
    field.focus()
    field.select()
  } else if (current?.shown.key?.(event.key)) {
    event.preventDefault()
  }
}

// ── the beginning ──

put(document.body, el('a', { class: 'skip', href: '#main', onclick: skip }, 'Skip to content'), shell, main)
mountToasts()
showTheme()
try {
  info = await api.get('/admin/info')
} catch (error) {
  toast(error.message, 'bad')
}
showNode(info)
addEventListener('hashchange', show)
document.addEventListener('keydown', onKey)
show()
poll(askReady, 5000)
