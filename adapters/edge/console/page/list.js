import { el } from './dom.js'

/** How high a row is, in CSS pixels: every row, so that where each is needs no measuring. view.css has the same. */
const height = 28

/** So many ms lie between two drawings of what came: no eye reads faster. What the user does is drawn at the next frame. */
const calm = 50

/**
 * A list of any length of which only what is in sight has elements. It is a grid of rows for assistive technology, moves through them by the arrow keys, and follows the end until it is scrolled away from it.
 *
 * @template Row
 * @param {object} options
 * @param {string} options.label
 * @param {{name: string, title: string, text: (row: Row) => string}[]} options.columns
 * @param {(row: Row) => string} options.kind the class of a row
 * @param {(row: Row | undefined) => void} options.choose is told which row was chosen
 * @param {(follows: boolean) => void} options.followed is told when it begins or ceases to follow the end
 */
export function list({ label, columns, kind, choose, followed }) {
  const head = el('div', { class: 'list-head', role: 'row', 'aria-rowindex': '1' }, ...columns.map(({ name, title }) => el('span', { class: 'cell ' + name, role: 'columnheader' }, title)))
  const body = el('div', { class: 'list-body', role: 'rowgroup' })
  const element = el('div', { class: 'list', role: 'grid', tabindex: '0', 'aria-label': label, 'aria-colcount': String(columns.length) }, el('div', { role: 'rowgroup', class: 'list-top' }, head), body)

  /** @type {{first: number, end: number, at: (i: number) => Row | undefined}} */
  let rows = { first: 0, end: 0, at: () => undefined }
  let first = 0, last = 0, chosen, follows = true, frame = 0, timer = 0, drawn = 0, top = 0, active
  /** @type {{element: HTMLElement, cells: Text[], row?: Row, place?: number, chosen?: boolean}[]} */
  const pool = []

  const line = () => {
    const cells = columns.map(() => document.createTextNode(''))
    const element = el('div', { class: 'line', role: 'row' }, ...columns.map(({ name }, i) => el('span', { class: 'cell ' + name, role: 'gridcell' }, cells[i])))
    element.id = 'line-' + pool.length
    body.append(element)
    return { element, cells }
  }

  const scroll = (to) => {
    element.scrollTop = to
    top = element.scrollTop
  }

  function draw() {
    frame = 0
    drawn = performance.now()
    const count = rows.end - rows.first, inside = element.clientHeight - head.offsetHeight
    // What was let go moves the rest up; who reads there sees it stand still.
    const moved = (rows.first - first) * height
    first = rows.first
    if (count !== last) {
      last = count
      body.style.height = count * height + 'px'
      element.setAttribute('aria-rowcount', String(count + 1))
    }
    if (follows) scroll(Math.max(0, count * height - inside))
    else if (moved) scroll(Math.max(0, top - moved))
    const from = Math.max(0, Math.floor(top / height) - 3), to = Math.min(count, from + Math.ceil(Math.max(inside, 0) / height) + 6)
    while (pool.length < to - from) pool.push(line())
    active = undefined
    const used = new Set()
    for (let i = from; i < to; i++) {
      const slot = pool[i % pool.length], row = rows.at(rows.first + i)
      used.add(slot)
      if (slot.row !== row) {
        slot.row = row
        slot.element.className = 'line ' + kind(row)
        columns.forEach(({ text }, c) => {
          const value = text(row)
          if (slot.cells[c].data !== value) slot.cells[c].data = value
        })
      }
      if (slot.place !== i) {
        slot.place = i
        slot.element.hidden = false
        slot.element.style.transform = `translateY(${i * height}px)`
        slot.element.setAttribute('aria-rowindex', String(i + 2))
      }
      const is = row === chosen
      if (is) active = slot.element.id
      if (slot.chosen !== is) {
        slot.chosen = is
        slot.element.setAttribute('aria-selected', String(is))
      }
    }
    for (const slot of pool) {
      if (used.has(slot) || slot.place === undefined) continue
      slot.place = slot.row = undefined
      slot.element.hidden = true
    }
    if (active) element.setAttribute('aria-activedescendant', active)
    else element.removeAttribute('aria-activedescendant')
  }

  const soon = () => {
    clearTimeout(timer)
    timer = 0
    frame ||= requestAnimationFrame(draw)
  }
  const changed = () => {
    if (frame || timer) return
    const left = drawn + calm - performance.now()
    if (left <= 0) soon()
    else timer = setTimeout(soon, left)
  }

  const follow = (on) => {
    if (on !== follows) followed(on)
    follows = on
    soon()
  }

  const indexOf = (row) => {
    for (const slot of pool) if (slot.row === row && slot.place !== undefined) return slot.place
    for (let i = rows.first; i < rows.end; i++) if (rows.at(i) === row) return i - rows.first
    return -1
  }

  const pick = (row) => {
    chosen = row
    choose(row)
    soon()
  }

  /** Chooses the row that stands there among those that are shown. */
  const go = (index) => {
    const count = rows.end - rows.first
    if (!count) return
    index = Math.max(0, Math.min(count - 1, index))
    follow(false)
    const inside = element.clientHeight - head.offsetHeight
    if (index * height < top) scroll(index * height)
    else if ((index + 1) * height > top + inside) scroll((index + 1) * height - inside)
    pick(rows.at(rows.first + index))
  }

  element.addEventListener('scroll', () => {
    const to = element.scrollTop, end = element.scrollHeight - element.clientHeight
    if (to < top - 1) follow(to >= end - 1)
    else if (to >= end - 1 && to > top) follow(true)
    top = to
    soon()
  }, { passive: true })
  element.addEventListener('click', ({ target }) => {
    const hit = target instanceof Element && target.closest('.line'), slot = hit && pool.find(({ element }) => element === hit)
    if (slot?.row) {
      if (follows) follow(false)
      pick(slot.row)
    }
  })
  element.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const page = Math.max(1, Math.floor((element.clientHeight - head.offsetHeight) / height) - 1)
    const here = chosen === undefined ? (event.key === 'ArrowDown' ? Math.ceil(top / height) - 1 : rows.end - rows.first) : indexOf(chosen)
    if (event.key === 'ArrowDown') go(here + 1)
    else if (event.key === 'ArrowUp') go(here - 1)
    else if (event.key === 'PageDown') go(here + page)
    else if (event.key === 'PageUp') go(here - page)
    else if (event.key === 'Home') go(0)
    else if (event.key === 'End') {
      go(Infinity)
      follow(true)
    } else if (event.key === 'Escape' && chosen !== undefined) pick(undefined)
    else return
    event.preventDefault()
  })
  const sizes = new ResizeObserver(soon)
  sizes.observe(element)

  return {
    element,
    /** Something came, or was let go. */
    changed,
    /** Shows other rows. */
    show(others) {
      rows = others
      first = others.first
      last = -1
      for (const slot of pool) slot.row = undefined
      soon()
    },
    choose: pick,
    follow,
    get follows() {
      return follows
    },
    get chosen() {
      return chosen
    },
    close() {
      sizes.disconnect()
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    },
  }
}
