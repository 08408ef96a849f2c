// What the console asks of its bridge, on its own origin.

/** An answer that is an error, as the server said it. */
export class Refused extends Error {
  /**
   * @param {string} code of the protocol's registry; `unreachable` where there was no answer
   * @param {string} detail
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {boolean} retryable
   */
  constructor(code, detail, status, retryable) {
    super(detail ? `${code}: ${detail}` : code)
    this.name = 'Refused'
    this.code = code
    this.detail = detail
    this.status = status
    this.retryable = retryable
  }
}

/**
 * Asks, and gives the JSON of the answer; null where it has none.
 *
 * @param {string} path
 * @param {RequestInit} [how]
 * @returns {Promise<any>}
 * @throws {Refused} what the server said, or that it did not; an AbortError where `how.signal` was
 */
export async function request(path, how) {
  let answer
  try {
    answer = await fetch(path, { cache: 'no-store', ...how })
  } catch (error) {
    if (how?.signal?.aborted) throw error
    throw new Refused('unreachable', 'The bridge does not answer.', 0, true)
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json()
  let problem
  try {
    problem = await answer.json()
  } catch {
    problem = {} // who answered was no bridge
  }
  throw new Refused(problem.code ?? `http-${answer.status}`, problem.detail ?? answer.statusText, answer.status, problem.retryable ?? answer.status >= 500)
}

/** @param {string} path @param {RequestInit} [how] */
export const get = (path, how) => request(path, how)

/** @param {string} path @param {any} body @param {RequestInit} [how] */
export const post = (path, body, how) =>
  request(path, { ...how, method: 'POST', headers: { 'Content-Type': 'application/json', ...how?.headers }, body: JSON.stringify(body) })

/** @param {string} path @param {RequestInit} [how] */
export const remove = (path, how) => request(path, { ...how, method: 'DELETE' })
