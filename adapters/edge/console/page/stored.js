// What this browser remembers of its user. Where it may not, it is forgotten when the page goes.

const here = new Map()

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(`culvert.${name}`) ?? here.get(name) ?? null
  } catch {
    return here.get(name) ?? null
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  here.set(name, value)
  try {
    localStorage.setItem(`culvert.${name}`, value)
  } catch { /* only here, then */ }
}
