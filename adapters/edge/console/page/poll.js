/**
 * Does work now, and again so many ms after it was done, until it is stopped. Where nobody looks at the page it waits until somebody does.
 *
 * @param {(signal: AbortSignal) => Promise<void>} work does not throw
 * @param {number} every in ms
 * @returns {{ now(): void, pause(paused: boolean): void, stop(): void }}
 */
export function poll(work, every) {
  let timer = 0, busy = false, again = false, paused = false
  const end = new AbortController()

  async function turn() {
    clearTimeout(timer)
    if (busy) {
      again = true
      return
    }
    busy = true
    again = false
    await work(end.signal)
    busy = false
    if (end.signal.aborted) return
    if (again) turn()
    else if (!paused && !document.hidden) timer = setTimeout(turn, every)
  }

  const look = () => {
    if (document.hidden) clearTimeout(timer)
    else if (!paused) turn()
  }
  document.addEventListener('visibilitychange', look, { signal: end.signal })
  turn()
  return {
    now: turn,
    pause(on) {
      paused = on
      if (on) clearTimeout(timer)
      else turn()
    },
    stop() {
      clearTimeout(timer)
      end.abort()
    },
  }
}
