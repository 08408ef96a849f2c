import { el, shape, text } from './dom.js'

const room = 120 // values

/**
 * One figure that changes: its name, its last value in words, and how it went, as a line from the left to now.
 *
 * @param {string} title
 * @param {(value: number) => string} words
 * @param {(number | null)[]} [values] those that were; the chart writes on in them
 */
export function chart(title, words, values = []) {
  const figure = el('span', { class: 'value' })
  const line = shape('path', { fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5', 'vector-effect': 'non-scaling-stroke', 'stroke-linejoin': 'round' })
  const area = shape('path', { fill: 'currentColor', opacity: '.12' })
  const element = el('div', { class: 'figure', role: 'group', 'aria-label': title }, el('span', { class: 'label' }, title), figure,
    shape('svg', { class: 'chart', viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, area, line))

  function draw() {
    const last = values.at(-1) ?? null, top = Math.max(...values.map((v) => v ?? 0)) || 1
    const at = (i) => (100 - (values.length - 1 - i) * 100 / (room - 1)).toFixed(2)
    let over = '', under = ''
    values.forEach((v, i) => {
      if (v === null) return
      // Where there is none the line is broken.
      const begins = (values[i - 1] ?? null) === null, ends = (values[i + 1] ?? null) === null, point = `${at(i)} ${(29 - 27 * v / top).toFixed(2)}`
      over += (begins ? 'M' : 'L') + point
      under += `${begins ? `M${at(i)} 30` : ''}L${point}${ends ? `L${at(i)} 30Z` : ''}`
    })
    text(figure, last === null ? '–' : words(last))
    line.setAttribute('d', over)
    area.setAttribute('d', under)
  }
  draw()

  return {
    element,
    /** The next value; null where there is none. @param {number | null} value */
    push(value) {
      values.push(value)
      if (values.length > room) values.shift()
      draw()
    },
    clear() {
      values.length = 0
      draw()
    },
  }
}
