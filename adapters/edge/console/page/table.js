import { el, icon, text } from './dom.js'

/**
 * @template T
 * @typedef {object} Column
 * @property {string} id
 * @property {string} title
 * @property {string} [hint] what the title means
 * @property {boolean} [number] is written to the right
 * @property {string} [class] of its cells
 * @property {(item: T) => string | number | null} [value] by which rows are sorted; without it they are not
 * @property {boolean} [down] its largest value comes first where it is first asked for
 * @property {(item: T) => string} [text] what a cell says
 * @property {(item: T) => Node | Node[]} [cell] what a cell is, where it is more than text
 * @property {(item: T) => unknown} [of] what a cell is made of: it is made anew where that changes; without it once
 */

/**
 * A table whose rows stay where they are while their figures change, so that neither focus nor selection is lost. The first column names the row.
 *
 * @template T
 * @param {{ caption: string, columns: Column<T>[], key: (item: T) => string, sorted: (id: string, down: boolean) => void, most?: number }} what sorted is told when another order is asked for;
 *   of more rows than most the first are drawn
 * @returns {{ element: HTMLElement, update(items: T[], sort: { id: string, down: boolean } | null): void }}
 */
export function table({ caption, columns, key, sorted, most = Infinity }) {
  /** @type {{ id: string, down: boolean } | null} */
  let order = null
  const heads = columns.map(({ id, title, hint, number, value, down }) => {
    const press = () => sorted(id, order?.id === id ? !order.down : Boolean(down))
    return el('th', { scope: 'col', class: number && 'number', title: hint },
      value ? el('button', { type: 'button', onclick: press }, title, icon('down')) : title || el('span', { class: 'hidden' }, 'Actions'))
  })
  const body = el('tbody')
  const element = el('div', { class: 'table' },
    el('table', { class: 'rows' },
      el('caption', { class: 'hidden' }, caption),
      el('thead', null, el('tr', null, heads)),
      body))
  /** @type {Map<string, { row: HTMLElement, cells: HTMLElement[], of: string[] }>} */
  const rows = new Map()

  function make() {
    const cells = columns.map(({ title, number, class: kind }, i) =>
      i === 0 ? el('th', { scope: 'row', class: kind }) : el('td', { class: [number && 'number', kind].filter(Boolean).join(' ') || null, 'data-label': title || null }))
    return { row: el('tr', null, cells), cells, of: [] }
  }

  /** @param {ReturnType<typeof make>} row @param {T} item */
  function write(row, item) {
    columns.forEach((column, i) => {
      if (column.text) {
        text(row.cells[i], column.text(item))
        return
      }
      const of = JSON.stringify(column.of?.(item) ?? null)
      if (row.of[i] === of) return
      row.of[i] = of
      row.cells[i].replaceChildren(...[column.cell(item)].flat())
    })
  }

  function update(items, sort) {
    order = sort
    columns.forEach(({ id, value }, i) => {
      if (!value) return
      const down = order?.id === id ? order.down : null
      if (down === null) heads[i].removeAttribute('aria-sort')
      else heads[i].setAttribute('aria-sort', down ? 'descending' : 'ascending')
      heads[i].querySelector('.icon').replaceWith(icon(down === false ? 'up' : 'down'))
    })
    const value = columns.find(({ id }) => id === order?.id)?.value
    const all = (value ? items.toSorted((a, b) => compare(value(a), value(b), order.down)) : items).slice(0, most)
    const stay = new Set(all.map(key))
    for (const [name, { row }] of rows) {
      if (stay.has(name)) continue
      row.remove()
      rows.delete(name)
    }
    let at = body.firstElementChild
    for (const item of all) {
      let row = rows.get(key(item))
      if (!row) {
        row = make()
        rows.set(key(item), row)
      }
      write(row, item)
      if (row.row === at) at = at.nextElementSibling
      else move(body, row.row, at)
    }
  }

  return { element, update }
}

/** What is not known comes last, whichever way. */
function compare(a, b, down) {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  const order = typeof a === 'string' ? a.localeCompare(b, 'en', { numeric: true }) : a - b
  return down ? -order : order
}

/** Puts a row before another one, if it can be without losing the focus in it. */
function move(body, row, before) {
  if (row.isConnected && body.moveBefore) body.moveBefore(row, before)
  else body.insertBefore(row, before)
}
