// How the console writes figures and times.

const whole = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** What is not known is a dash. @param {number | null | undefined} n */
export const count = n => n === null || n === undefined ? '–' : whole.format(n)

/** As count, but a million is 1M. @param {number | null | undefined} n */
export const brief = n => n === null || n === undefined ? '–' : Math.abs(n) < 10_000 ? whole.format(Math.round(n)) : short.format(n)

/** Messages in a second. @param {number | null | undefined} n */
export const rate = n => n === null || n === undefined ? '–' : n === 0 ? '0/s' : n < 10 ? `${n.toFixed(1)}/s` : `${brief(n)}/s`

/** @param {number | null | undefined} n */
export function bytes(n) {
  if (n === null || n === undefined) return '–'
  let i = 0
  while (n >= 1024 && i < 5) {
    n /= 1024
    i++
  }
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'][i]}`
}

/** How long that is, in its two largest units. @param {number | null | undefined} ms */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1000) return `${Math.round(ms)} ms`
  let s = Math.floor(ms / 1000)
  if (s < 10) return `${(ms / 1000).toFixed(1)} s`
  const parts = []
  for (const [unit, length] of /** @type {[string, number][]} */ ([['d', 86400], ['h', 3600], ['min', 60], ['s', 1]])) {
    if (s >= length || parts.length) parts.push([Math.floor(s / length), unit])
    s %= length
  }
  return parts.slice(0, 2).filter(([n]) => n).map(([n, unit]) => `${n} ${unit}`).join(' ')
}

/** How long ago that was, in whole seconds. @param {string | null | undefined} time */
export const since = time => time ? duration(Math.max(1000, Math.floor((Date.now() - Date.parse(time)) / 1000) * 1000)).replace('.0 s', ' s') : '–'

/** A time of today or any day, as it is here. @param {string | null | undefined} time */
export const moment = time => time ? new Date(time).toLocaleString() : '–'

/** A time as a field for it has it, here. @param {Date} time */
export const local = time => new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, time.getMilliseconds() ? 23 : 19)
