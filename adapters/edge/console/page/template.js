// What a message may be made of: text with counters, times and the like, and JSON that is looked at before it is sent.

const holes = /\{\{\s*(?:(n|time|uuid)|random\s+(-?\d+)\s+(-?\d+))\s*\}\}/g

/**
 * Fills in `{{n}}`, `{{time}}`, `{{uuid}}` and `{{random 1 100}}`; other braces stay.
 *
 * @param {string} text
 * @param {number} n the message's number
 * @returns {string}
 */
export const expand = (text, n) => text.replace(holes, (_, word, low, high) => {
  switch (word) {
    case 'n': return String(n)
    case 'time': return new Date().toISOString()
    case 'uuid': return uuid()
  }
  const [from, to] = [Number(low), Number(high)].sort((a, b) => a - b)
  return String(from + Math.floor(Math.random() * (to - from + 1)))
})

/** A random UUID (RFC 9562, version 4), also where the page came by plain HTTP and has no crypto.randomUUID. */
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6] & 0x0f) | 0x40
  bytes[8] = (bytes[8] & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

const space = /[ \t\n\r]*/y, string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y
const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Where a text stops being JSON: its length where it does not. Browsers tell that of some errors only, and each in its own way. */
function end(text) {
  let at = 0
  const take = (pattern) => {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  const is = (sign) => {
    take(space)
    if (text[at] !== sign) return false
    at++
    return true
  }
  const several = (one, close) => {
    do {
      if (!one()) return false
    } while (is(','))
    return is(close)
  }
  const named = () => take(space) && take(string) && is(':') && value()
  const value = () => {
    if (is('{')) return is('}') || several(named, '}')
    if (is('[')) return is(']') || several(value, ']')
    return take(string) || take(word)
  }
  if (value()) take(space)
  return at
}

/**
 * What is wrong with a text that shall be JSON, for people; empty where nothing is.
 *
 * @param {string} text
 * @returns {string}
 */
export function notJSON(text) {
  try {
    JSON.parse(text)
    return ''
  } catch {
    const at = end(text), lines = text.slice(0, at).split('\n')
    const found = at >= text.length ? 'it ends too early' : `unexpected ${JSON.stringify(String.fromCodePoint(text.codePointAt(at)))}`
    return `Not JSON at line ${lines.length}, column ${lines.at(-1).length + 1}: ${found}`
  }
}
