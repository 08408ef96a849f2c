import { el, fill } from './dom.js'

/** How high a row is, in CSS pixels: every row, so that where each is needs no measuring. view.css has the same. */
const height = 28

/** So many ms lie between two drawings of what came: no eye reads faster. Where drawing takes long it is so many times as long: the page's time is its user's. What the user does is drawn at the
 * next frame. */
const calm = 50, share = 5

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
  const head = el('div', { class: 'list-head', role: 'row', 'aria-rowindex': '1' })
  const body = el('div', { class: 'list-body', role: 'rowgroup' })
  const element = el('div', { class: 'list', role: 'grid', tabindex: '0', 'aria-label': label }, el('div', { role: 'rowgroup', class: 'list-top' }, head), body)

  /** @type {{first: number, end: number, at: (i: number) => Row | undefined}} */
  let rows = { first: 0, end: 0, at: () => undefined }
  let first = 0, last = 0, chosen, follows = true, frame = 0, timer = 0, due = 0, top = 0, inside = 0, active
  /** @type {{element: HTMLElement, cells: Text[], row?: Row, place?: number, chosen?: boolean}[]} */
  const pool = []

  const showHead = () => {
    fill(head, columns.map(({ name, title }) => el('span', { class: 'cell ' + name, role: 'columnheader' }, title)))
    element.setAttribute('aria-colcount', String(columns.length))
  }
  showHead()

  const line = () => {
    const cells = columns.map(() => document.createTextNode(''))
    const element = el('div', { class: 'line', role: 'row' }, ...columns.map(({ name }, i) => el('span', { class: 'cell ' + name, role: 'gridcell' }, cells[i])))
    element.id = 'line-' + pool.length
    body.append(element)
    return { element, cells }
  }

  /** Lets it stand there. Where that is, is not read again: to read is to have the page laid out. */
  const scroll = (to) => {
    if (to === top) return
    element.scrollTop = top = to
  }

  function draw() {
    frame = 0
    const begun = performance.now()
    const count = rows.end - rows.first
    // What was let go moves the rest up; who reads there sees it stand still.
    const moved = (rows.first - first) * height
    first = rows.first
    if (count !== last) {
      last = count
      body.style.height = count * height + 'px'
      element.setAttribute('aria-rowcount', String(count + 1))
    }
    const wanted = Math.max(0, Math.min(follows ? Infinity : top - moved, count * height - inside))
    const from = Math.max(0, Math.floor(wanted / height) - 3), to = Math.min(count, from + Math.ceil(inside / height) + 6)
    while (pool.length < to - from) pool.push(line())
    active = undefined
    const used = new Set()
    for (let i = from; i < to; i++) {
      // By the row's own number: one that stays in sight while others are let go is moved, not written anew.
      const slot = pool[(rows.first + i) % pool.length], row = rows.at(rows.first + i)
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
    scroll(wanted) // at last: the page is laid out once
    due = begun + Math.max(calm, Math.min(1000, share * (performance.now() - begun)))
  }

  const soon = () => {
    clearTimeout(timer)
    timer = 0
    frame ||= requestAnimationFrame(draw)
  }
  const changed = () => {
    if (frame || timer) return
    const left = due - performance.now()
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
    if (index * height < top) scroll(index * height)
    else if ((index + 1) * height > top + inside) scroll((index + 1) * height - inside)
    pick(rows.at(rows.first + index))
  }

  element.addEventListener('scroll', () => {
    const to = element.scrollTop
    if (Math.abs(to - top) < 1) return // its own doing
    const end = element.scrollHeight - element.clientHeight
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
    const page = Math.max(1, Math.floor(inside / height) - 1)
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
  const sizes = new ResizeObserver(() => {
    inside = Math.max(0, element.clientHeight - head.offsetHeight)
    top = element.scrollTop // what was not shown has forgotten it
    soon()
  })
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
    /** Has other columns. */
    have(others) {
      if (others === columns) return
      columns = others
      showHead()
      for (const { element } of pool.splice(0)) element.remove()
      soon()
    },
    /** Draws what is in sight anew: rows have changed. */
    renew() {
      for (const slot of pool) slot.row = undefined
      soon()
    },
    close() {
      sizes.disconnect()
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    },
  }
}
