import { el } from './dom.js'

/** A payload in one line, as much of it as fits one. @param {string} text */
export const inLine = (text) => text.slice(0, 400).replace(/\s+/g, ' ')

/** @typedef {{raw: string, key?: string} | {open: '{' | '[', items: Node[], key?: string}} Node what a JSON text is made of, letter by letter: a number keeps all its digits */

const token = /\s*("[^"\\]*(?:\\[^][^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+)/y

/** The tree of a JSON text; undefined where it is none. @param {string} text @returns {Node | undefined} */
export function read(text) {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  /** @type {any} */
  const root = { items: [] }
  const open = [root]
  let key, pending
  token.lastIndex = 0
  for (let found; (found = token.exec(text));) {
    const [, t] = found, here = open[open.length - 1]
    if (t === ',') continue
    if (t === ':') {
      key = pending.raw
      here.items.pop()
    } else if (t === '}' || t === ']') open.pop()
    else {
      const node = t === '{' || t === '[' ? { open: t, items: [], key } : { raw: t, key }
      key = undefined
      here.items.push(node)
      pending = node
      if (node.items) open.push(node)
    }
  }
  return root.items[0]
}

/** A JSON tree as text with a member a line. Not by recursion: what nests deep is no danger. @param {Node} root */
export function pretty(root) {
  const out = [], todo = [{ node: root, depth: 0, end: '' }]
  while (todo.length) {
    const { node, depth, end, close } = todo.pop(), pad = '  '.repeat(Math.min(depth, 100))
    if (close) {
      out.push(pad + close + end)
      continue
    }
    const key = node.key === undefined ? '' : node.key + ': '
    if (!node.items) out.push(pad + key + node.raw + end)
    else if (!node.items.length) out.push(pad + key + node.open + (node.open === '{' ? '}' : ']') + end)
    else {
      out.push(pad + key + node.open)
      todo.push({ depth, end, close: node.open === '{' ? '}' : ']' })
      for (let i = node.items.length - 1; i >= 0; i--) todo.push({ node: node.items[i], depth: depth + 1, end: i < node.items.length - 1 ? ',' : '' })
    }
  }
  return out.join('\n')
}

const kindOf = (raw) => (raw[0] === '"' ? 'string' : /^[-\d]/.test(raw) ? 'number' : 'word')
const page = 200

/** A JSON tree whose objects and arrays fold. Those within are made when they are opened first. @param {Node} node */
export function fold(node, depth = 0) {
  const key = node.key === undefined ? [] : [el('span', { class: 'json-key' }, node.key), ': ']
  if (!node.items) return el('div', { class: 'json-item' }, ...key, el('span', { class: 'json-' + kindOf(node.raw) }, node.raw))
  const [open, close] = node.open === '{' ? ['{', '}'] : ['[', ']'], n = node.items.length
  if (!n) return el('div', { class: 'json-item' }, ...key, open + close)
  const element = el('details', { class: 'json-fold' }, el('summary', {}, ...key, open, el('span', { class: 'json-rest' }, ` ${n} ${open === '{' ? (n === 1 ? 'member' : 'members') : n === 1 ? 'item' : 'items'} ${close}`)))
  const within = el('div', { class: 'json-within' })
  element.append(within)
  let made = 0
  const more = () => {
    for (const item of node.items.slice(made, made + page)) within.append(fold(item, depth + 1))
    made = Math.min(n, made + page)
    if (made === n) return
    const button = el('button', { type: 'button', class: 'ghost small' }, `${n - made} more`)
    button.addEventListener('click', () => {
      button.remove()
      more()
    })
    within.append(button)
  }
  element.addEventListener('toggle', () => element.open && !made && more())
  if (depth < 2 && n <= page) {
    more()
    element.open = true
  }
  return element
}

/** Bytes as a table of sixteen a line: where, hexadecimal, and what of it is ASCII. @param {Uint8Array} bytes @param {number} [first] where they begin */
export function hex(bytes, first = 0) {
  const lines = []
  for (let i = 0; i < bytes.length; i += 16) {
    const some = Array.from(bytes.subarray(i, i + 16))
    const digits = some.map((b) => b.toString(16).padStart(2, '0'))
    const left = digits.slice(0, 8).join(' '), right = digits.slice(8).join(' ')
    lines.push(`${(first + i).toString(16).padStart(8, '0')}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${some.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '.')).join('')}`)
  }
  return lines.join('\n')
}
