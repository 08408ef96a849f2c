// What is shown is in the URL, behind its #: `#/view?topic=prices&from=-100`. A link to it shows the same again.

/**
 * @typedef {URLSearchParams | Record<string, string | number | boolean | string[] | null | undefined>} Params parameters by name; those that are empty, false, null or undefined are
 * left out, true is `1`, an array is a parameter that repeats
 */

/**
 * @param {Params} [params]
 * @returns {URLSearchParams}
 */
export function query(params) {
  const all = new URLSearchParams()
  const entries = params instanceof URLSearchParams ? params.entries() : Object.entries(params ?? {})
  for (const [name, value] of entries) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== null && one !== undefined && one !== '' && one !== false) all.append(name, one === true ? '1' : String(one))
    }
  }
  return all
}

/**
 * The link to a panel that shows this.
 *
 * @param {string} id
 * @param {Params} [params]
 * @returns {string}
 */
export function link(id, params) {
  const asked = query(params).toString()
  return `#/${id}${asked && '?' + asked}`
}

/**
 * What the URL says: a panel's id, and what it shows.
 *
 * @returns {{ id: string, params: URLSearchParams }}
 */
export function place() {
  const [id, asked] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s)
  return { id, params: new URLSearchParams(asked ?? '') }
}
