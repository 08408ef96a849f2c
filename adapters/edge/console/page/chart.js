import { el } from './dom.js'

const points = 120

/**
 * A small chart of one figure that changes: its name, its last value in words, and how it went.
 *
 * @param {string} title
 * @param {(value: number) => string} words
 */
export function chart(title, words) {
  const canvas = el('canvas', { class: 'chart-line', 'aria-hidden': 'true' }), figure = el('span', { class: 'chart-figure' }, '–')
  const element = el('div', { class: 'chart', role: 'group', 'aria-label': title }, el('span', { class: 'chart-title' }, title), figure, canvas)
  /** @type {(number | null)[]} */
  let values = []

  function draw() {
    const wide = canvas.clientWidth, high = canvas.clientHeight, scale = globalThis.devicePixelRatio || 1, pen = canvas.getContext('2d')
    if (!wide || !pen) return
    if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(high * scale)) {
      canvas.width = Math.round(wide * scale)
      canvas.height = Math.round(high * scale)
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0)
    pen.clearRect(0, 0, wide, high)
    const most = Math.max(1, ...values.map((v) => v ?? 0)), step = wide / (points - 1), at = (v) => high - 2 - (v / most) * (high - 4)
    pen.strokeStyle = pen.fillStyle = getComputedStyle(canvas).color
    pen.lineWidth = 1.5
    pen.lineJoin = 'round'
    let begun = null
    const close = (x) => {
      pen.stroke()
      pen.lineTo(x, high)
      pen.lineTo(begun, high)
      pen.globalAlpha = 0.15
      pen.fill()
      pen.globalAlpha = 1
      begun = null
    }
    values.forEach((value, i) => {
      const x = wide - (values.length - 1 - i) * step
      if (value === null) {
        if (begun !== null) close(x - step)
      } else if (begun === null) {
        begun = x
        pen.beginPath()
        pen.moveTo(x, at(value))
      } else pen.lineTo(x, at(value))
    })
    if (begun !== null) close(wide)
  }

  return {
    element,
    /** The next value; null where there is none. @param {number | null} value */
    push(value) {
      values.push(value)
      if (values.length > points) values.shift()
      figure.textContent = value === null ? '–' : words(value)
      draw()
    },
    clear() {
      values = []
      figure.textContent = '–'
      draw()
    },
  }
}
