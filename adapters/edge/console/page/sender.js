import { inject } from '/culvert.js'

import { request } from './api.js'

/**
 * @typedef {{ topic: string, key: string | null, headers: [string, string][], value: string | Uint8Array | null, n: number }} Made one message; null is a tombstone
 */

/** So many may be unconfirmed before more are sent. */
export const most = 1000
/** So many go into one POST. */
export const batch = 100

/**
 * The WebSocket by which messages go, made when it is first needed, and again after it was closed.
 *
 * @param {ReturnType<typeof import('./frames.js').frames>} frames
 * @param {(state: import('/culvert.js').StateDetail) => void} changed
 * @param {(why: string) => void} refused is told of each refusal after which the message is sent again
 */
export function socket(frames, changed, refused) {
  /** @type {import('/culvert.js').Injector | null} */
  let out = null
  let end = new AbortController()

  class Heard extends frames.Recorded {
    /** @param {string | URL} url @param {string[]} protocols */
    constructor(url, protocols) {
      super(url, protocols)
      this.addEventListener('message', ({ data }) => {
        if (!data.startsWith('{"op":"err"')) return
        const { code, detail, retryable } = JSON.parse(data)
        if (retryable) refused(`${code}: ${detail}`)
      })
    }
  }

  function connect() {
    if (out) return
    end = new AbortController()
    const mine = inject('/v1/ws', { WebSocket: Heard, signal: end.signal, window: most, buffer: 2 * most })
    out = mine
    changed({ state: 'connecting' })
    mine.addEventListener('state', ({ detail }) => {
      if (out !== mine) return
      if (detail.state === 'ended') out = null
      changed(detail)
    })
  }

  return {
    connect,
    /** Closes it. What is not confirmed by then fails. */
    disconnect() {
      const had = out
      out = null
      end.abort()
      if (had) changed({ state: 'ended' })
    },
    get connected() { return out !== null },
    /** @param {Made[]} messages @returns {Promise<any>[]} */
    send(messages) {
      connect()
      return messages.map(({ value, topic, key, headers }) => out.send(value, { topic, key, headers }))
    },
  }
}

/**
 * Sends messages of one topic by one POST.
 *
 * @param {ReturnType<typeof import('./frames.js').frames>} frames
 * @param {Made[]} messages
 * @param {AbortSignal} signal
 * @returns {Promise<any>[]}
 */
export function post(frames, messages, signal) {
  const path = `/v1/topics/${encodeURIComponent(messages[0].topic)}/messages`, body = `{"messages":[${messages.map(pub)}]}`
  frames.say('→', `POST ${path} ${body}`)
  const answer = request(path, { method: 'POST', headers: { 'Content-Type': 'application/vnd.culvert.batch+json' }, body, signal }).then(
    ({ results }) => {
      frames.say('←', `200 ${JSON.stringify({ results })}`)
      return results
    },
    (error) => {
      frames.say('←', `${error.status || ''} ${error.message}`.trim())
      throw error
    })
  return messages.map(async (_, i) => {
    const result = (await answer)[i]
    if (result.code) throw Object.assign(new Error(`${result.code}: ${result.detail}`), result)
    return result
  })
}

/**
 * A message as the object of a `pub`, in JSON. What is JSON stays as it was written.
 *
 * @param {Made} message
 * @returns {string}
 */
export function pub({ key, headers, value }) {
  const of = {
    ...(key !== null && { key }),
    ...(headers.length > 0 && { headers }),
    ...(value === null ? { payload: null } : typeof value === 'string' ? { text: value } : { base64: base64(value) }),
  }
  return JSON.stringify(of)
}

/** @param {Uint8Array} bytes */
function base64(bytes) {
  let text = ''
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000))
  return btoa(text)
}
