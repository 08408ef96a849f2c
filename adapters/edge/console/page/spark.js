import { shape } from './dom.js'

/**
 * How a figure went, as a line from the left to now. The figure itself stands beside it, so it says nothing to who cannot see it.
 *
 * @returns {{ element: SVGElement, draw(values: number[], most: number): void }} most is how many values there is room for
 */
export function spark() {
  const line = shape('path', { fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5', 'vector-effect': 'non-scaling-stroke', 'stroke-linejoin': 'round' })
  const area = shape('path', { fill: 'currentColor', opacity: '.12' })
  const element = shape('svg', { class: 'spark', viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, area, line)
  return {
    element,
    draw(values, most) {
      if (values.length < 2) return
      const top = Math.max(...values) || 1, step = 100 / (most - 1), begin = 100 - (values.length - 1) * step
      const d = values.map((v, i) => `${i ? 'L' : 'M'}${(begin + i * step).toFixed(2)} ${(29 - 27 * v / top).toFixed(2)}`).join('')
      line.setAttribute('d', d)
      area.setAttribute('d', `${d}L100 30L${begin.toFixed(2)} 30Z`)
    },
  }
}
