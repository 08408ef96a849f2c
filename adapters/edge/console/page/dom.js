// How the console makes its page: elements and text, never markup. Whatever a topic holds stays text.

/**
 * @typedef {Node | string | number | null | undefined | false | Child[]} Child
 */

/**
 * Makes an element. An attribute that is null, undefined or false is left out, true is empty; a function is a listener (`onclick`); `style` is an object of properties; `value`, `checked`
 * and `indeterminate` are the element's own.
 *
 * @param {string} tag
 * @param {Record<string, any> | null} [attributes]
 * @param {...Child} children
 * @returns {any} the element
 */
export function el(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (name === 'style') for (const [property, one] of Object.entries(value)) element.style.setProperty(property, one)
    else if (name === 'value' || name === 'checked' || name === 'indeterminate') element[name] = value
    else element.setAttribute(name, value === true ? '' : String(value))
  }
  put(element, ...children)
  return element
}

/**
 * Appends children; what is null, undefined or false is left out.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function put(parent, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) parent.append(/** @type {any} */ (child))
  }
}

/**
 * Lets an element have these children and no other.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren()
  put(parent, ...children)
}

/**
 * Sets an element's text, and leaves the page alone where it is that already.
 *
 * @param {Element} element
 * @param {string} value
 */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value
}

const svg = 'http://www.w3.org/2000/svg'

/**
 * Makes an SVG element.
 *
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function shape(tag, attributes, ...children) {
  const element = document.createElementNS(svg, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

// Each is drawn as lines on 16 × 16.
const icons = {
  brand: 'M2 14V8a6 6 0 0 1 12 0v6M6 14V9a2 2 0 0 1 4 0v5',
  topics: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  view: 'M1.5 8s2.4-4.5 6.5-4.5S14.5 8 14.5 8 12.1 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  inject: 'M14 2 7 9M14 2 9.5 14 7 9 2 6.500z',
  queues: 'M2.5 2.500h11v3h-11zM2.5 7.500h11M2.5 10.500h11M2.5 13.500h11',
  connections: 'M5.5 4 2 8l3.5 4M10.5 4 14 8l-3.5 4M9 3 7 13',
  health: 'M1.5 8.500h3l2-5 3 9 2-4h3',
  search: 'M7 11.500a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 14 14',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.500v-3h8v8h-3M2.5 5.500h8v8h-8z',
  check: 'M3 8.5 6.5 12 13 4.5',
  pause: 'M5.5 3.500v9M10.5 3.500v9',
  play: 'M5 3v10l8-5z',
  stop: 'M4 4h8v8H4z',
  refresh: 'M13.5 8A5.5 5.5 0 1 1 11.5 3.800M11.5 1.500v2.500H9',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  warn: 'M8 2 1.5 13.500h13zM8 6.500v3M8 11.400v.2',
  lock: 'M4 7.500h8v6H4zM5.5 7.500V5a2.5 2.5 0 0 1 5 0v2.5',
  sun: 'M8 10.500a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 1.500v1.500M8 13v1.500M1.5 8H3M13 8h1.500M3.4 3.400l1 1M11.600 11.600l1 1M3.4 12.600l1-1M11.600 4.400l1-1',
  moon: 'M13.5 9.500A6 6 0 0 1 6.5 2.500a6 6 0 1 0 7 7z',
  system: 'M2 3h12v8H2zM6 14h4M8 11v3',
  keyboard: 'M1.5 4h13v8.500h-13zM4 6.700v.1M6.700 6.700v.1M9.4 6.700v.1M12 6.700v.1M5 9.800h6',
  download: 'M8 2.500v8M4.5 7 8 10.5 11.5 7M2.5 13.500h11',
  plus: 'M8 3v10M3 8h10',
}

/**
 * Draws an icon, which says nothing to who cannot see it.
 *
 * @param {keyof typeof icons} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return shape('svg', { viewBox: '0 0 16 16', class: 'icon', 'aria-hidden': 'true' },
    shape('path', { d: icons[name], fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5', 'stroke-linecap': 'round', 'stroke-linejoin': 'round' }))
}
